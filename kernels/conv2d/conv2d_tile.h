// The implicit product in float32 arithmetic: C = A B for any product of conv2d_products.h, on the ordinary cores.
//
// A block owns 64 x 64 of C, its 256 threads 4 x 4 each: rows 4 (t / 16) .., columns 4 (t % 16) ... Sixteen terms of the sum at a time
// lie in shared memory, A and B both with the sum along the lines, so that a thread reads its four elements of each as one
// vector: 16 multiplications for two reads, and a warp reads two different vectors of A (broadcast) and 256 contiguous bytes of
// B. While the block multiplies one tile, its threads hold the next one in registers; two buffers in shared memory make one
// barrier a step enough: the buffer that step s fills was read in step s - 2, and every thread has left that before the barrier
// of step s - 1.
//
// W = 4: global memory in vectors of four elements; 1: channels that are no multiple of four, or pointers that are not aligned.
// FLOPs 2 rows columns depth; bytes from global memory: A once for each 64 columns, B once for each 64 rows. The sum of an
// element is taken in order in float32, in parts where the grid has several blocks a tile (conv2d_split.h): the same bits always.
#pragma once

#include "kernels/conv2d/conv2d_norm_sums.h"
#include "kernels/conv2d/conv2d_products.h"
#include "kernels/conv2d/conv2d_split.h"
#include "kernels/tile/ptx.h"

namespace purnet::conv2d::implicit {

inline constexpr int float_threads = 256, float_depth = 16;

// How a thread's chunks lie in a tile of Size lines (or elements) by Depth.
template <tile::Along Axis, int W, int Depth, int Threads, int Size = tile_size>
struct Lanes {
    static constexpr int in_line = (Axis == tile::Along::k ? Depth : Size) / W;  // chunks
    static constexpr int step = Threads / in_line;
    static constexpr int lines = (Axis == tile::Along::k ? Size : Depth) / step;
    static_assert(Threads % in_line == 0 && step * lines == (Axis == tile::Along::k ? Size : Depth));

    __device__ static __forceinline__ int line() { return static_cast<int>(threadIdx.x) / in_line; }
    __device__ static __forceinline__ int element() { return static_cast<int>(threadIdx.x) % in_line * W; }
};

// 68: lines stay multiples of 16 bytes, and writes down a column of the tile fall into different banks but for pairs.
using TileLine = float[tile_size + 4];

template <int W, int Lines, class Operand>
__device__ __forceinline__ void fetch(tile::Pack<W> (&v)[Lines], const Operand& operand) {
#pragma unroll
    for (int i = 0; i < Lines; ++i) {
        const auto chunk = operand.at(i);
        v[i] = tile::zeros<W>();
        if (chunk.inside) v[i] = tile::load<W>(chunk.from);
    }
}

template <class L, tile::Along Axis, int W>
__device__ __forceinline__ void put_tile(TileLine* to, const tile::Pack<W> (&v)[L::lines]) {
#pragma unroll
    for (int i = 0; i < L::lines; ++i) {
        const int line = L::line() + i * L::step, element = L::element();
        if constexpr (Axis == tile::Along::k) {
#pragma unroll
            for (int e = 0; e < W; ++e) to[element + e][line] = v[i][e];
        } else {
            tile::store(&to[line][element], v[i]);
        }
    }
}

// Grid (row tiles, column tiles, products x splits).
template <int W, class Product>
__global__ void __launch_bounds__(float_threads) tile_kernel(Product product, int splits, float* partial, unsigned* counter) {
    SHARED(TileLine, tile_a, 2 * float_depth);
    SHARED(TileLine, tile_b, 2 * float_depth);
    Share share(splits);
    product.select(share.z);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * tile_size;
    const int column0 = static_cast<int>(blockIdx.y) * tile_size;
    if (row0 >= product.rows() || product.beyond(column0)) return ptx::wait_for_launches();
    share.cut((product.depth() + float_depth - 1) / float_depth);

    using A = decltype(product.template a<W, 1>(0, 0, 0, 0, 0));
    using B = decltype(product.template b<W, 1>(0, 0, 0, 0, 0));
    using LanesA = Lanes<A::along, W, float_depth, float_threads>;
    using LanesB = Lanes<B::along, W, float_depth, float_threads>;
    const int k0 = share.first * float_depth;
    auto a = product.template a<W, LanesA::lines>(row0, k0, LanesA::line(), LanesA::step, LanesA::element());
    auto b = product.template b<W, LanesB::lines>(column0, k0, LanesB::line(), LanesB::step, LanesB::element());
    ptx::wait_for_launches();

    const int row = static_cast<int>(threadIdx.x) / 16 * 4, column = static_cast<int>(threadIdx.x) % 16 * 4;
    float sum[4][4] = {};
    tile::Pack<W> next_a[LanesA::lines], next_b[LanesB::lines];
    if (share.first < share.last) {
        fetch<W>(next_a, a);
        fetch<W>(next_b, b);
    }
    for (int step = share.first; step < share.last; ++step) {
        TileLine *here_a = tile_a + step % 2 * float_depth, *here_b = tile_b + step % 2 * float_depth;
        put_tile<LanesA, A::along, W>(here_a, next_a);
        put_tile<LanesB, B::along, W>(here_b, next_b);
        __syncthreads();
        if (step + 1 < share.last) {
            a.advance(float_depth);
            b.advance(float_depth);
            fetch<W>(next_a, a);
            fetch<W>(next_b, b);
        }
#pragma unroll
        for (int k = 0; k < float_depth; ++k) {
            const tile::Pack<4> left = tile::load<4>(&here_a[k][row]), right = tile::load<4>(&here_b[k][column]);
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
        }
    }
    if (splits > 1 && !gather_parts<float_threads, 4>(sum, share, partial, counter)) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int64_t at = product.row_at(row0 + row + i);
        if (at >= 0) product.put(at, column0 + column, sum[i]);
    }
    if constexpr (Product::has_moments) {
        using Moments = TileMoments<tile_size, tile_size, tile_size / 4>;
        static_assert(Moments::floats * sizeof(float) <= 2 * float_depth * sizeof(TileLine));
        if (product.moments) thread_moments<Moments>(sum, product, row0, column0, row, column, &tile_a[0][0]);
    }
    if constexpr (Product::has_norm_sums) {
        using Sums = TileNormSums<tile_size, tile_size, tile_size / 8>;
        static_assert(Sums::floats * sizeof(float) <= 2 * float_depth * sizeof(TileLine));
        thread_norm_sums<Sums>(sum, product, row0, column0, row, column, &tile_a[0][0]);
    }
}

}  // namespace purnet::conv2d::implicit
