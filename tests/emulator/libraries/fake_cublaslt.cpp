// A library with cuBLASLt's functions, as far as they are used, for tests without a device: it computes by the descriptors it is given,
// element by element, on memory that is the host's as the emulator's is. It refuses what the documentation forbids, with the documented
// status. FAKE_VERSION: what it says it is. FAKE_LACKS_MATMUL: a damaged one.
#include "tests/emulator/libraries/fake_cublaslt.h"

#include <cstring>
#include <vector>

#include "kernels/runtime/cuda/cublaslt_api.h"
#include "kernels/runtime/dtype.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION 130100
#endif

using namespace purnet::cuda::cublaslt_api;
using purnet::bf16;

namespace purnet::cuda::cublaslt_api {
struct HandleOf {};
struct OperationOf {
    Compute compute;
    Type scale;
    int32_t transposed_a = 0, transposed_b = 0;
};
struct LayoutOf {
    Type type;
    int64_t rows, columns, leading;
};
struct PreferenceOf {
    uint64_t workspace = 0;
    uint32_t scheme = 7, alignment[4] = {256, 256, 256, 256};
};
}  // namespace purnet::cuda::cublaslt_api

extern "C" {
purnet::test::FakeCublasLt purnet_fake_cublaslt;
}

namespace {

constexpr Status not_initialized = 1, invalid_value = 7, not_supported = 15;
constexpr uint64_t our_algorithm = 0x70757265;
constexpr size_t needed_workspace = size_t{1} << 20;

float load(const void* p, Type type, int64_t i) {
    return type == type_f32 ? static_cast<const float*>(p)[i] : static_cast<float>(static_cast<const bf16*>(p)[i]);
}
void store(void* p, Type type, int64_t i, double value) {
    if (type == type_f32)
        static_cast<float*>(p)[i] = static_cast<float>(value);
    else
        static_cast<bf16*>(p)[i] = bf16(static_cast<float>(value));
}

template <class T>
Status get(T& to, const void* from, size_t bytes) {
    if (bytes != sizeof(T)) return invalid_value;
    std::memcpy(&to, from, bytes);
    return success;
}

bool matches(Operation op, Layout a, Layout b, Layout c) {
    const int64_t m = op->transposed_a ? a->columns : a->rows, k = op->transposed_a ? a->rows : a->columns;
    const int64_t kb = op->transposed_b ? b->columns : b->rows, n = op->transposed_b ? b->rows : b->columns;
    return c->rows == m && c->columns == n && k == kb && a->type == b->type && op->compute == compute_32f && op->scale == type_f32 &&
           (c->type == a->type || c->type == type_f32);
}

}  // namespace

extern "C" {

size_t cublasLtGetVersion() { return FAKE_VERSION; }
const char* cublasLtGetStatusName(Status status) {
    return status == not_initialized ? "CUBLAS_STATUS_NOT_INITIALIZED" : "CUBLAS_STATUS_OTHER";
}
const char* cublasLtGetStatusString(Status status) {
    return status == not_initialized ? "not initialized, says the fake" : "other, says the fake";
}

Status cublasLtCreate(Handle* handle) {
    if (purnet_fake_cublaslt.fail_create) return purnet_fake_cublaslt.fail_create;
    *handle = new HandleOf;
    return success;
}

Status cublasLtMatmulDescCreate(Operation* operation, Compute compute, Type scale) {
    *operation = new OperationOf{compute, scale};
    return success;
}
Status cublasLtMatmulDescSetAttribute(Operation operation, OperationAttribute which, const void* value, size_t bytes) {
    if (which == transpose_a) return get(operation->transposed_a, value, bytes);
    if (which == transpose_b) return get(operation->transposed_b, value, bytes);
    return invalid_value;
}
Status cublasLtMatmulDescDestroy(Operation operation) {
    delete operation;
    return success;
}

Status cublasLtMatrixLayoutCreate(Layout* layout, Type type, uint64_t rows, uint64_t columns, int64_t leading) {
    if (leading < static_cast<int64_t>(rows) || (type != type_f32 && type != type_bf16)) return invalid_value;
    *layout = new LayoutOf{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
    return success;
}
Status cublasLtMatrixLayoutDestroy(Layout layout) {
    delete layout;
    return success;
}

Status cublasLtMatmulPreferenceCreate(Preference* preference) {
    *preference = new PreferenceOf;
    return success;
}
Status cublasLtMatmulPreferenceSetAttribute(Preference preference, PreferenceAttribute which, const void* value, size_t bytes) {
    switch (which) {
        case max_workspace_bytes: return get(preference->workspace, value, bytes);
        case reduction_scheme_mask: return get(preference->scheme, value, bytes);
        default: break;
    }
    if (which < min_alignment_a_bytes || which > min_alignment_d_bytes) return invalid_value;
    return get(preference->alignment[which - min_alignment_a_bytes], value, bytes);
}
Status cublasLtMatmulPreferenceDestroy(Preference preference) {
    delete preference;
    return success;
}

// The first proposal cannot run, the second wants too much memory, the third is it.
Status cublasLtMatmulAlgoGetHeuristic(Handle handle, Operation operation, Layout a, Layout b, Layout c, Layout d, Preference preference,
                                      int wanted, HeuristicResult* results, int* found) {
    *found = 0;
    if (purnet_fake_cublaslt.fail_heuristic) return purnet_fake_cublaslt.fail_heuristic;
    if (!handle || c != d || !matches(operation, a, b, c)) return invalid_value;
    if (wanted < 3 || preference->workspace < needed_workspace || preference->scheme != reduce_in_compute_type) return not_supported;
    for (const uint32_t alignment : preference->alignment)
        if (alignment != 16) return not_supported;
    results[0] = {.algorithm = {}, .workspace = 0, .state = not_supported, .waves = 0, .reserved = {}};
    results[1] = {.algorithm = {}, .workspace = preference->workspace + 1, .state = success, .waves = 0, .reserved = {}};
    results[2] = {.algorithm = {{our_algorithm}}, .workspace = needed_workspace, .state = success, .waves = 1, .reserved = {}};
    *found = 3;
    return success;
}

#ifdef FAKE_LACKS_MATMUL
#define cublasLtMatmul cublasLtMatmulOfAnotherTime
#endif
Status cublasLtMatmul(Handle handle, Operation op, const void* alpha, const void* a, Layout la, const void* b, Layout lb, const void* beta,
                      const void* c, Layout lc, void* d, Layout ld, const Algorithm* algorithm, void* workspace, size_t bytes,
                      Stream stream) {
    if (purnet_fake_cublaslt.fail_matmul) return purnet_fake_cublaslt.fail_matmul;
    if (!handle || !matches(op, la, lb, lc) || c != d || lc != ld || !algorithm || algorithm->data[0] != our_algorithm ||
        bytes < needed_workspace)
        return invalid_value;
    std::memset(workspace, 0xff, needed_workspace);  // it is the library's for the time of the call
    const int64_t m = lc->rows, n = lc->columns, k = op->transposed_a ? la->rows : la->columns;
    const float one = *static_cast<const float*>(alpha);
    if (*static_cast<const float*>(beta) != 0) return not_supported;
    for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < m; ++i) {
            double sum = 0;
            for (int64_t l = 0; l < k; ++l)
                sum += double{load(a, la->type, op->transposed_a ? l + i * la->leading : i + l * la->leading)} *
                       load(b, lb->type, op->transposed_b ? j + l * lb->leading : l + j * lb->leading);
            store(d, ld->type, i + j * ld->leading, one * sum);
        }
    ++purnet_fake_cublaslt.products;
    purnet_fake_cublaslt.stream = stream;
    return success;
}
}
