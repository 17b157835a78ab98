#pragma once

#include "kernels/gemm/gemm.h"

namespace purnet::winograd {

// Sizes of an N,H,W,C array.
struct Image {
    long height, width, channels;
};

struct Tile {
    long picture, row, column;  // of its first output; of the transposed form u and v
};

// From output to output of a tile; of the transposed form 2, and its crop.
struct Spread {
    long step, top, left;
};

PURNET_SIMD(
    // The n^2 transformed values of each tile and channel: to[position * position_stride + tile * tile_stride + channel]. Source
    // pixels are (row - top + r*dilation, column - left + s*dilation); `zeros` stands in for those outside and holds `channels`
    // zeros. Channels are rounded up to whole vectors with zeros; tile_stride has room for them.
    void winograd_input(long m, const Image& image, const float* source, const Tile* tiles, long count, long top, long left, long dilation,
                        const float* zeros, float* to, long tile_stride, long position_stride);
    // Columns first .. last - 1 of the result from from[position * position_stride + tile * tile_stride + column - first], finished.
    void winograd_output(long m, const Image& image, const float* from, const Tile* tiles, long count, const Spread& spread,
                         long tile_stride, long position_stride, long first, long last, const gemm::Finish& finish, float* out);
    // One panel of columns: filters first + j, j < columns, all `in` of them, to to[position * position_stride + i * width + j]; columns
    // up to width are zeros. `out` result channels: of the transposed form columns are parity * out + channel.
    void winograd_filter(long m, long in, long out, long first, long columns, long width, const float* weight, long out_stride,
                         long in_stride, long tap_stride, bool flipped, float* to, long position_stride);
    // A dy A^T of each tile and channel, times the fractions of G and G^T, laid out as by winograd_input; m is 2 or 4.
    void winograd_output_adjoint(long m, const Image& image, const float* source, const Tile* tiles, long count, long dilation,
                                 const float* zeros, float* to, long tile_stride, long position_stride);
    // G^T D G, less these fractions, for `in` channels of one result channel: D from from[position * position_stride + i], in whole
    // vectors, to to[tap * tap_stride + i].
    void winograd_filter_adjoint(long m, long in, const float* from, long position_stride, float* to, long tap_stride);)

}  // namespace purnet::winograd
