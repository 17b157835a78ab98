#include "kernels/runtime/cuda/cublaslt.h"

#include <map>
#include <mutex>
#include <optional>

#include "kernels/runtime/cuda/cublaslt_api.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/cuda/libraries.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/scope.h"

#if defined(__NVCC__) && __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define PURNET_CUBLASLT_HEADER
#endif

namespace purnet::cuda::cublaslt {
namespace {

using namespace cublaslt_api;

#ifdef PURNET_CUBLASLT_HEADER
static_assert(sizeof(HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t) &&
              offsetof(HeuristicResult, workspace) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize) &&
              offsetof(HeuristicResult, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(sizeof(Status) == sizeof(cublasStatus_t) && success == int(CUBLAS_STATUS_SUCCESS));
static_assert(type_f32 == int(CUDA_R_32F) && type_bf16 == int(CUDA_R_16BF) && compute_32f == int(CUBLAS_COMPUTE_32F));
static_assert(as_it_is == int(CUBLAS_OP_N) && transposed == int(CUBLAS_OP_T));
static_assert(transpose_a == int(CUBLASLT_MATMUL_DESC_TRANSA) && transpose_b == int(CUBLASLT_MATMUL_DESC_TRANSB));
static_assert(max_workspace_bytes == int(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) &&
              reduction_scheme_mask == int(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) &&
              min_alignment_a_bytes == int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES) &&
              min_alignment_b_bytes == int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES) &&
              min_alignment_c_bytes == int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES) &&
              min_alignment_d_bytes == int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES) &&
              reduce_in_compute_type == int(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));

static_assert(alike<GetVersion, decltype(cublasLtGetVersion)> && alike<GetStatusText, decltype(cublasLtGetStatusName)> &&
              alike<GetStatusText, decltype(cublasLtGetStatusString)> && alike<Create, decltype(cublasLtCreate)> &&
              alike<OperationCreate, decltype(cublasLtMatmulDescCreate)> && alike<OperationSet, decltype(cublasLtMatmulDescSetAttribute)> &&
              alike<OperationDestroy, decltype(cublasLtMatmulDescDestroy)> && alike<LayoutCreate, decltype(cublasLtMatrixLayoutCreate)> &&
              alike<LayoutDestroy, decltype(cublasLtMatrixLayoutDestroy)> &&
              alike<PreferenceCreate, decltype(cublasLtMatmulPreferenceCreate)> &&
              alike<PreferenceSet, decltype(cublasLtMatmulPreferenceSetAttribute)> &&
              alike<PreferenceDestroy, decltype(cublasLtMatmulPreferenceDestroy)> &&
              alike<GetHeuristic, decltype(cublasLtMatmulAlgoGetHeuristic)> && alike<Matmul, decltype(cublasLtMatmul)>);
constexpr const char* unchecked = "";
#else
constexpr const char* unchecked = " (its header was not there when this program was built, so our declarations of it are unchecked)";
#endif

// Versions are 10000 major + 100 minor + patch.
constexpr size_t oldest = 120000, newest = 139999;

struct Functions {
    GetVersion* version;
    GetStatusText *status_name, *status_text;
    Create* create;
    OperationCreate* operation_create;
    OperationSet* operation_set;
    OperationDestroy* operation_destroy;
    LayoutCreate* layout_create;
    LayoutDestroy* layout_destroy;
    PreferenceCreate* preference_create;
    PreferenceSet* preference_set;
    PreferenceDestroy* preference_destroy;
    GetHeuristic* heuristic;
    Matmul* matmul;
};

// How the library computes a product. Never destroyed: launches that a graph has recorded may still use it.
struct Prepared {
    Operation operation = nullptr;
    Layout a = nullptr, b = nullptr, c = nullptr;
    Algorithm algorithm{};
};

struct Library {
    Functions call{};
    Handle handle = nullptr;
    LibraryReport report{"cublasLt", "", ""};
    std::map<Product, std::optional<Prepared>> prepared;  // none: the library has no kernel for it

    bool there() const { return !report.version.empty(); }
    std::string words(Status status) const { return concat(call.status_text(status), " (", call.status_name(status), ")"); }
};

Library load() {
    Library l;
    const OpenLibrary open = open_library({"libcublasLt.so.13", "libcublasLt.so.12"});
    const auto without = [&](const auto&... why) {
        l.report.detail = concat(why...);
        return l;
    };
    if (!open.handle) return without(open.absence);
    Symbols symbols(open);
    symbols.find(l.call.version, "cublasLtGetVersion");
    symbols.find(l.call.status_name, "cublasLtGetStatusName");
    symbols.find(l.call.status_text, "cublasLtGetStatusString");
    symbols.find(l.call.create, "cublasLtCreate");
    symbols.find(l.call.operation_create, "cublasLtMatmulDescCreate");
    symbols.find(l.call.operation_set, "cublasLtMatmulDescSetAttribute");
    symbols.find(l.call.operation_destroy, "cublasLtMatmulDescDestroy");
    symbols.find(l.call.layout_create, "cublasLtMatrixLayoutCreate");
    symbols.find(l.call.layout_destroy, "cublasLtMatrixLayoutDestroy");
    symbols.find(l.call.preference_create, "cublasLtMatmulPreferenceCreate");
    symbols.find(l.call.preference_set, "cublasLtMatmulPreferenceSetAttribute");
    symbols.find(l.call.preference_destroy, "cublasLtMatmulPreferenceDestroy");
    symbols.find(l.call.heuristic, "cublasLtMatmulAlgoGetHeuristic");
    symbols.find(l.call.matmul, "cublasLtMatmul");
    if (!symbols.missing().empty()) return without(open.file, " has no ", symbols.missing());
    const size_t version = l.call.version();
    const std::string text = concat(version / 10000, ".", version / 100 % 100, ".", version % 100);
    if (version < oldest) return without(open.file, " is version ", text, ", too old: 12.0 is the oldest that is known here");
    if (version > newest) return without(open.file, " is version ", text, ", too new: 13 is the newest that is known here");
    enter_device();
    if (const Status status = l.call.create(&l.handle); status != success)
        return without(open.file, ", version ", text, ", cannot be used: cublasLtCreate: ", l.words(status));
    l.report.version = text;
    l.report.detail = open.file + unchecked;
    return l;
}

struct Shared {
    std::mutex mutex;
    Library* library = nullptr;
    int search = 0;
};

Shared& shared() {
    static auto* the_one = new Shared;
    return *the_one;
}

// Under the mutex.
Library& library() {
    Shared& s = shared();
    if (const int search = library_search(); !s.library || s.search != search) {
        s.library = new Library(load());
        s.search = search;
    }
    return *s.library;
}

Type type_of(DType type) {
    require(type == DType::f32 || type == DType::bf16, "cublasLt: products of ", name_of(type), " are not among those asked for");
    return type == DType::f32 ? type_f32 : type_bf16;
}

// Everything it needs, made step by step until one fails; what was made is then undone.
std::optional<Prepared> prepare(const Library& l, const Product& p) {
    const Functions& call = l.call;
    Prepared made;
    Preference preference = nullptr;
    const auto rows = [](int64_t count) { return static_cast<uint64_t>(count); };
    const auto transposition = [&](OperationAttribute which, bool wanted) {
        const Transposed value = wanted ? transposed : as_it_is;
        return call.operation_set(made.operation, which, &value, sizeof value) == success;
    };
    const auto prefer = [&](PreferenceAttribute which, auto value) {
        return call.preference_set(preference, which, &value, sizeof value) == success;
    };
    constexpr int wanted = 8;
    HeuristicResult results[wanted] = {};
    int found = 0;
    const bool known =
        call.operation_create(&made.operation, compute_32f, type_f32) == success && transposition(transpose_a, p.transpose_a) &&
        transposition(transpose_b, p.transpose_b) &&
        call.layout_create(&made.a, type_of(p.in), rows(p.transpose_a ? p.k : p.m), rows(p.transpose_a ? p.m : p.k), p.lda) == success &&
        call.layout_create(&made.b, type_of(p.in), rows(p.transpose_b ? p.n : p.k), rows(p.transpose_b ? p.k : p.n), p.ldb) == success &&
        call.layout_create(&made.c, type_of(p.out), rows(p.m), rows(p.n), p.ldc) == success &&
        call.preference_create(&preference) == success && prefer(max_workspace_bytes, uint64_t{workspace}) &&
        prefer(reduction_scheme_mask, reduce_in_compute_type) && prefer(min_alignment_a_bytes, uint32_t{alignment}) &&
        prefer(min_alignment_b_bytes, uint32_t{alignment}) && prefer(min_alignment_c_bytes, uint32_t{alignment}) &&
        prefer(min_alignment_d_bytes, uint32_t{alignment}) &&
        call.heuristic(l.handle, made.operation, made.a, made.b, made.c, made.c, preference, wanted, results, &found) == success;
    if (preference) call.preference_destroy(preference);
    for (int i = 0; known && i < found; ++i)
        if (results[i].state == success && results[i].workspace <= workspace) {
            made.algorithm = results[i].algorithm;
            return made;
        }
    for (const Layout layout : {made.a, made.b, made.c})
        if (layout) call.layout_destroy(layout);
    if (made.operation) call.operation_destroy(made.operation);
    return std::nullopt;
}

}  // namespace

LibraryReport report() {
    std::lock_guard lock(shared().mutex);
    return library().report;
}

bool there() {
    std::lock_guard lock(shared().mutex);
    return library().there();
}

bool takes(const Product& product) {
    std::lock_guard lock(shared().mutex);
    Library& l = library();
    if (!l.there()) return false;
    auto known = l.prepared.find(product);
    if (known == l.prepared.end()) {
        enter_device();
        known = l.prepared.emplace(product, prepare(l, product)).first;
    }
    return known->second.has_value();
}

void multiply(const Product& product, const void* a, const void* b, void* c, void* memory, void* stream) {
    require(takes(product), "cublasLt has no way for a product of ", product.m, " x ", product.n, " x ", product.k);
    std::lock_guard lock(shared().mutex);
    const Library& l = library();
    const Prepared& p = *l.prepared.at(product);
    enter_device();
    const float one = 1, zero = 0;
    const Status status = l.call.matmul(l.handle, p.operation, &one, a, p.a, b, p.b, &zero, c, p.c, c, p.c, &p.algorithm, memory, workspace,
                                        static_cast<Stream>(stream));
    if (status == success) return;
    const std::string scope = scope_text();
    fail(scope, scope.empty() ? "" : ": ", "cublasLtMatmul (", product.m, " x ", product.n, " x ", product.k, "): ", l.words(status));
}

}  // namespace purnet::cuda::cublaslt
