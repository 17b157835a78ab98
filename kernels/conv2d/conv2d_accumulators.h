// From the accumulators of a warp's matrix instructions to their places in the result.
#pragma once

#include "kernels/conv2d/conv2d_split.h"
#include "kernels/tile/matrix.h"

namespace purnet::conv2d::implicit {

// sum[4 i + j]: what lane `lane` has of the 16 x 8 accumulator at rows row + 16 i and columns column + 8 j of the result
// (tile::Accumulator); it is then as put, but for the rounding. Where the sum is in parts the last block of a tile writes, and alone
// gets true. Every thread of the block calls it.
template <class Tile, int Parts, class Product>
__device__ __forceinline__ bool finish_accumulators(const Product& product, float (&sum)[4 * Parts][4], int64_t row, int column, int lane,
                                                    const Share& share, float* partial, unsigned* counter) {
    if (share.splits > 1 && !gather_parts<Tile::threads, 4 * Parts>(sum, share, partial, counter)) return false;
        // Elements 0 and 1 of an accumulator are neighbours in one row, 2 and 3 eight rows below.
#pragma unroll
    for (int i = 0; i < Parts; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int64_t at = product.row_at(row + 16 * i + tile::Accumulator::row(lane, 2 * half));
            if (at < 0) continue;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                float pair[2] = {sum[4 * i + j][2 * half], sum[4 * i + j][2 * half + 1]};
                product.put(at, column + 8 * j + tile::Accumulator::column(lane, 0), pair);
                sum[4 * i + j][2 * half] = pair[0], sum[4 * i + j][2 * half + 1] = pair[1];
            }
        }
    return true;
}

}  // namespace purnet::conv2d::implicit
