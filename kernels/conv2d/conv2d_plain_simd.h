#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/runtime/isa.h"

namespace purnet::conv2d {
PURNET_SIMD(
    // Rows of output: row = n * out_h + p.
    void plain_forward_rows(const Problem& problem, const float* x, const float* weight, const float* bias, float* y, long begin, long end);
    // Rows of dx: row = n * h + i.
    void plain_backward_data_rows(const Problem& problem, const float* dy, const float* weight, const float* bias, float* dx, long begin,
                                  long end);
    // Units of dweight: unit = (o * kh + ky) * kw + kx, each C/groups long.
    void plain_backward_weights_units(const Problem& problem, const float* x, const float* dy, float* dweight, long begin, long end);
    // Channels begin .. end-1.
    void plain_backward_bias(long pixels, long o, const float* dy, float* dbias, long begin, long end);)
}
