// Softmax of N,H,W,C; formulas in kernels/softmax/softmax.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

Tensor softmax_space(const Tensor& x);     // over the positions of each image and channel; N,...,C
Tensor softmax_channels(const Tensor& x);  // over the last axis

}  // namespace purnet::ops
