// Transposed convolution of tensors, cut to a window; formulas and layouts: kernels/conv_transpose2d/conv_transpose2d.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

struct ConvTranspose2dOptions {
    int stride = 2;
    int crop_top = 0, crop_left = 0;
    int64_t out_h = 0, out_w = 0;  // 0: to the end of the whole result
};

// x N,H,W,C; weight C,kH,kW,O; bias O or undefined. Saves x and weight.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvTranspose2dOptions& options);

}  // namespace purnet::ops
