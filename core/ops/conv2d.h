// Convolution of tensors; formulas and layouts: kernels/conv2d/conv2d.h.
#pragma once

#include "core/tensor.h"
#include "kernels/conv2d/conv2d.h"

namespace purnet::ops {

using Pads = conv2d::Pads;

struct Conv2dOptions {
    int stride = 1;
    Pads pads;
    int dilation = 1;
    int groups = 1;
};

// x N,H,W,C; weight O,kH,kW,C/groups; bias O or undefined. Saves x and weight.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options);

// The same where a batch norm over the batch follows: with y, its moments for ops::batch_norm where x's device has them in passing (one
// group; no library that is faster), else undefined.
struct WithMoments {
    Tensor y, moments;
};
WithMoments conv2d_with_moments(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options);

}  // namespace purnet::ops
