// Matrix instructions of one warp, from swizzled tiles in shared memory to accumulators in registers.
//
// A product C (m x n) += A (m x k) B (k x n) is cut into instructions of 16 x 8 x 16. Their operands lie across the lanes of a
// warp in a fixed pattern (kernels/tile/ptx.h). A tile in shared memory is stored with either of its axes contiguous:
//     Along::k      rows are m (or n), a row holds consecutive k        activations and weights of a forward convolution
//     Along::other  rows are k, a row holds consecutive m (or n)        gradients by weights, where k runs over pixels
// ldmatrix brings four 8 x 8 matrices at a time into exactly the pattern that the multiplication wants, transposing on the way
// in the second case, so both cost the same.
#pragma once

#include "kernels/runtime/cuda/bf16.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/swizzle.h"

namespace purnet::tile {

enum class Along { k, other };

struct FragmentA {  // 16 x 16
    uint32_t r[4];
};
struct FragmentB {  // 16 x 8
    uint32_t r[2];
};
struct Accumulator {  // 16 x 8: element i of a lane is at row(lane, i), column(lane, i)
    float at[4];

    __device__ static __forceinline__ int row(int lane, int i) { return lane / 4 + 8 * (i / 2); }
    __device__ static __forceinline__ int column(int lane, int i) { return 2 * (lane % 4) + i % 2; }
};

// The 16 x 16 part of A that begins at row m0 and k0 (multiples of 16) of a tile with rows of RowBytes at shared address `tile`.
template <Along Axis, int RowBytes>
__device__ __forceinline__ FragmentA load_a(uint32_t tile, int m0, int k0, int lane) {
    FragmentA a;
    if constexpr (Axis == Along::k) {
        // Matrices: (m 0-7, k 0-7), (m 8-15, k 0-7), (m 0-7, k 8-15), (m 8-15, k 8-15).
        const int row = m0 + lane % 16, chunk = k0 / 8 + lane / 16;
        ptx::load_matrices(a.r, tile + swizzled<RowBytes>(static_cast<uint32_t>(row), static_cast<uint32_t>(chunk)));
    } else {
        // The same matrices, whose rows are now k: (k 0-7, m 0-7), (k 0-7, m 8-15), (k 8-15, m 0-7), (k 8-15, m 8-15).
        const int row = k0 + lane % 8 + lane / 16 * 8, chunk = m0 / 8 + lane / 8 % 2;
        ptx::load_matrices_transposed(a.r, tile + swizzled<RowBytes>(static_cast<uint32_t>(row), static_cast<uint32_t>(chunk)));
    }
    return a;
}

// Two neighbouring 16 x 8 parts of B: k0 .. k0 + 15 by n0 .. n0 + 7 and n0 + 8 .. n0 + 15.
template <Along Axis, int RowBytes>
__device__ __forceinline__ void load_b(FragmentB (&b)[2], uint32_t tile, int k0, int n0, int lane) {
    uint32_t r[4];
    if constexpr (Axis == Along::k) {
        // Matrices (n 0-7, k 0-7), (n 0-7, k 8-15), (n 8-15, k 0-7), (n 8-15, k 8-15).
        const int row = n0 + lane % 8 + lane / 16 * 8, chunk = k0 / 8 + lane / 8 % 2;
        ptx::load_matrices(r, tile + swizzled<RowBytes>(static_cast<uint32_t>(row), static_cast<uint32_t>(chunk)));
    } else {
        const int row = k0 + lane % 16, chunk = n0 / 8 + lane / 16;
        ptx::load_matrices_transposed(r, tile + swizzled<RowBytes>(static_cast<uint32_t>(row), static_cast<uint32_t>(chunk)));
    }
    b[0] = {{r[0], r[1]}};
    b[1] = {{r[2], r[3]}};
}

__device__ __forceinline__ void multiply(Accumulator& c, const FragmentA& a, const FragmentB& b) { ptx::mma_bf16(c.at, a.r, b.r); }

}  // namespace purnet::tile
