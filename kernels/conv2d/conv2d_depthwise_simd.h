#pragma once

#include "kernels/runtime/isa.h"

namespace purnet::conv2d {

struct DepthwiseShape {
    long h, w, c, out_h, out_w;
    long kh, kw, stride, dilation, top, left;
};

PURNET_SIMD(
    // Rows begin .. end-1 of the n * out_h (or n * h) rows of the result; taps are [ky][kx][c].
    void depthwise_forward_rows(const DepthwiseShape& shape, const float* x, const float* taps, const float* bias, float* y, long begin,
                                long end);
    void depthwise_backward_data_rows(const DepthwiseShape& shape, const float* dy, const float* taps, const float* bias, float* dx,
                                      long begin, long end);
    // Adds the share of output rows begin .. end-1 to dtaps, [ky][kx][c].
    void depthwise_backward_weights_rows(const DepthwiseShape& shape, const float* x, const float* dy, float* dtaps, long begin, long end);)

}  // namespace purnet::conv2d
