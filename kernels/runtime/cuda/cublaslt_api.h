// The part of cuBLASLt's interface that is used (NVIDIA cuBLAS documentation, "Using the cuBLASLt API"; the same in versions 12 and 13), in
// our own words, so that building needs no header of it. Where nvcc finds that header, cublaslt.cu compares.
#pragma once

#include <cstddef>
#include <cstdint>

namespace purnet::cuda::cublaslt_api {

using Status = int;
inline constexpr Status success = 0;

using Handle = struct HandleOf*;
using Operation = struct OperationOf*;    // cublasLtMatmulDesc_t
using Layout = struct LayoutOf*;          // cublasLtMatrixLayout_t
using Preference = struct PreferenceOf*;  // cublasLtMatmulPreference_t
using Stream = struct CUstream_st*;

enum Type : int { type_f32 = 0, type_bf16 = 14 };            // cudaDataType
enum Compute : int { compute_32f = 68 };                     // cublasComputeType_t: sums and products float32, no TF32
enum Transposed : int32_t { as_it_is = 0, transposed = 1 };  // cublasOperation_t
enum OperationAttribute : int { transpose_a = 3, transpose_b = 4 };
enum PreferenceAttribute : int {
    max_workspace_bytes = 1,    // uint64_t
    reduction_scheme_mask = 3,  // uint32_t
    min_alignment_a_bytes = 5,  // uint32_t, and so b, c, d
    min_alignment_b_bytes = 6,
    min_alignment_c_bytes = 7,
    min_alignment_d_bytes = 8,
};
inline constexpr uint32_t reduce_in_compute_type = 2;  // parts of a sum lie in the workspace as float32 and are added by one more launch

struct Algorithm {
    uint64_t data[8];
};
struct HeuristicResult {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

using GetVersion = size_t();
using GetStatusText = const char*(Status);
using Create = Status(Handle*);
using OperationCreate = Status(Operation*, Compute, Type scale);
using OperationSet = Status(Operation, OperationAttribute, const void*, size_t);
using OperationDestroy = Status(Operation);
using LayoutCreate = Status(Layout*, Type, uint64_t rows, uint64_t columns, int64_t leading);
using LayoutDestroy = Status(Layout);
using PreferenceCreate = Status(Preference*);
using PreferenceSet = Status(Preference, PreferenceAttribute, const void*, size_t);
using PreferenceDestroy = Status(Preference);
using GetHeuristic = Status(Handle, Operation, Layout a, Layout b, Layout c, Layout d, Preference, int wanted, HeuristicResult*,
                            int* found);
using Matmul = Status(Handle, Operation, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta, const void* c,
                      Layout, void* d, Layout, const Algorithm*, void* workspace, size_t bytes, Stream);

}  // namespace purnet::cuda::cublaslt_api
