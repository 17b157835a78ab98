// y = x weight^T + bias; kernels/linear/linear.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

// x N,I; weight O,I; bias O or undefined. Saves x and weight.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace purnet::ops
