#pragma once

#include "kernels/runtime/isa.h"

namespace purnet::conv2d {

// A run of pixels that lie side by side in the source, with the same channels of each.
struct Piece {
    long dy, dx;
    long pixels;
    long channel, channels;  // a part of the channels only where pixels == 1
};

// What the rows of A are: pixel (p, q) of picture n of a rows x columns grid looks at source pixel (p*step + dy, q*step + dx).
struct Grid {
    long rows, columns, step;
    long height, width, stride;  // of the source; floats from pixel to pixel
};

PURNET_SIMD(
    // to[(m - begin) * to_stride + ...] = the pieces of row m, one after the other, zeros outside the source.
    void gather_rows(const Grid& grid, const float* source, const Piece* pieces, long piece_count, long begin, long end, float* to,
                     long to_stride);
    void copy_floats(const float* from, float* to, long count);)

}  // namespace purnet::conv2d
