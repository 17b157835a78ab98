#pragma once

#include "kernels/gemm/gemm.h"

namespace purnet::conv2d {

constexpr int most_depthwise_taps = 49;

struct DepthwiseTap {
    const float* source;  // of output 0 of the row; outputs outside first .. last - 1 have no such source
    const float* weight;  // C values
    long first, last;
};

struct DepthwiseRow {
    DepthwiseTap taps[most_depthwise_taps];
    int count;
    long outputs, channels;
    long in_step, out_step;  // floats from output to output
};

PURNET_SIMD(
    // finish's before and after point at the row's first output; its accumulate is not used.
    void depthwise_row(const DepthwiseRow& row, const gemm::Finish& finish, float* out);
    // sums[t * channels + c] += sum over outputs of the taps' sources times dy; weights are not used. dy's outputs lie out_step apart.
    void depthwise_row_gradient(const DepthwiseRow& row, const float* dy, float* sums);)

}  // namespace purnet::conv2d
