// From the accumulators of warps' matrix instructions to their places in the result, and to what is said of it in passing.
#pragma once

#include "kernels/conv2d/conv2d_moments.h"
#include "kernels/conv2d/conv2d_norm_sums.h"
#include "kernels/conv2d/conv2d_split.h"
#include "kernels/tile/matrix.h"

namespace purnet::conv2d::implicit {

// sum[4 i + j]: what this lane has of the 16 x 8 accumulator (tile::Accumulator) at rows row + 16 i and columns column + 8 j of the
// block's tile, which begins at row0 and column0 of the result. Where the sum is in parts the last block of a tile writes. memory: the
// `Shared` bytes of shared memory in which the operands lay. Every thread of the block calls it.
template <class Tile, size_t Shared, int Parts, class Product>
__device__ __forceinline__ void finish_accumulators(const Product& product, float (&sum)[4 * Parts][4], int64_t row0, int column0, int row,
                                                    int column, const Share& share, float* partial, unsigned* counter, float* memory) {
    if (share.splits > 1 && !gather_parts<Tile::threads, 4 * Parts>(sum, share, partial, counter)) return;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    // Elements 0 and 1 of an accumulator are neighbours in one row, 2 and 3 eight rows below.
#pragma unroll
    for (int i = 0; i < Parts; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int64_t at = product.row_at(row0 + row + 16 * i + tile::Accumulator::row(lane, 2 * half));
            if (at < 0) continue;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                float pair[2] = {sum[4 * i + j][2 * half], sum[4 * i + j][2 * half + 1]};
                product.put(at, column0 + column + 8 * j + tile::Accumulator::column(lane, 0), pair);
                sum[4 * i + j][2 * half] = pair[0], sum[4 * i + j][2 * half + 1] = pair[1];
            }
        }
    if constexpr (Product::has_moments) {
        using Moments = TileMoments<Tile::rows, Tile::columns, Tile::rows / Tile::warp_rows>;
        static_assert(Moments::floats * sizeof(float) <= Shared);
        if (product.moments) warp_moments<Moments, Parts, 4>(sum, product, row0, column0, row, column, true, memory);
    }
    if constexpr (Product::has_norm_sums) {
        using Sums = TileNormSums<Tile::rows, Tile::columns, Tile::rows / Tile::warp_rows>;
        static_assert(Sums::floats * sizeof(float) <= Shared);
        warp_norm_sums<Sums, Parts, 4>(sum, product, row0, column0, row, column, true, memory);
    }
}

}  // namespace purnet::conv2d::implicit
