// Products of float32 matrices on the CPU, from packed panels: the inside of every convolution.
//
//   C[i,j] = finish( sum over k < K of A(i,k) * B(k,j) ),   i < M, j < N
//
// B lies in panels: groups of 1 to 4 vectors of columns, each panel K x width with k slowest, columns behind N filled with 0.
// How N splits into panels depends on the instruction set (kernels/runtime/isa.h) and on N alone; packed_floats() is the size and
// pack_b() the maker. A lies row by row (A(i,k) = a[i*lda + k]) or, where `k_major`, column by column (a[k*lda + i]).
//
// finish: v = sum (+ C where accumulate) (+ bias[j]);  v += before[i,j];  v = v > 0 ? v : slope * v;  v = min(v, top);  v += after[i,j].
// The slope is 1 without activation, 0 for ReLU and ReLU6 (top 6), PReLU's slope for that.
//
// One call runs on one thread; callers split M or N. The order of each sum is fixed: k ascending, one accumulator per element.
// The register tile is 9 x 48 on AVX-512 (27 of 32 registers; 24 products per 12 loads, which reaches the peak rate), 6 x 16 on
// AVX2, 6 x 8 without; a panel is used for all rows of a call before the next one, so that it comes from the first or second
// cache: callers keep M x K of a call below 200 to 400 KB.
#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::gemm {

struct Product {
    long m = 0, n = 0, k = 0;
    const float* a = nullptr;
    long lda = 0;
    bool k_major = false;
    long tile_rows = 0;  // not 0: a holds tiles of so many rows, K columns each, one tile after the other (gemm_pack_a)
    const float* b = nullptr;
    long ldb = 0;  // 0: b is packed; else its rows lie ldb apart, and whole vectors may be read behind column n
    float* c = nullptr;
    long ldc = 0;
};

struct Finish {
    bool accumulate = false;
    const float* bias = nullptr;    // N
    const float* before = nullptr;  // rows as far apart as those of C
    const float* after = nullptr;
    float slope = 1;
    float top = __builtin_inff();
};

PURNET_SIMD(
    // Floats of B packed: K times N rounded up to whole vectors.
    long gemm_packed_floats(long k, long n);
    // Writes B(first + kk, j) = b[kk * k_stride + j * n_stride], kk < k, into the panels of a B of depth `depth`. A stride of 1 on
    // one side is the fast case.
    void gemm_pack_b(long k, long n, const float* b, long k_stride, long n_stride, float* packed, long depth, long first);
    // packed = tiles of `rows` rows of A(i, kk) = a[kk * k_stride + i], i < m; each tile holds k columns of `rows` values, the last
    // tile's missing rows left as they are. rows <= the register tile's of the panels it meets: 9 on AVX-512 (6 where a panel has
    // 4 vectors), 6 without.
    void gemm_pack_a(long m, long k, const float* a, long k_stride, long rows, float* packed);
    // The columns first .. last - 1, both at panel borders. a and b are the whole operands; c, bias, before and after point at column
    // `first`.
    void gemm_run(const Product& product, const Finish& finish, long first, long last);
    // The smallest column >= `column` at which a panel of an N-column B begins; N behind the last.
    long gemm_next_panel(long n, long column);
    // finish alone, over rows of C that hold the sums already (bias and accumulate are not used).
    void gemm_finish(long m, long n, float* c, long ldc, const Finish& finish);
    // Rows of the register tile in the widest panel: M splits well at multiples of it.
    long gemm_tile_rows();)

// The functions of the instruction set in use.
struct Functions {
    decltype(&baseline::gemm_packed_floats) packed_floats;
    decltype(&baseline::gemm_pack_b) pack_b;
    decltype(&baseline::gemm_pack_a) pack_a;
    decltype(&baseline::gemm_run) run;
    decltype(&baseline::gemm_next_panel) next_panel;
    decltype(&baseline::gemm_finish) finish;
    decltype(&baseline::gemm_tile_rows) tile_rows;
};
Functions functions();

}  // namespace purnet::gemm
