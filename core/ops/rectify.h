// Rectification: x * tanh(e) + x; formulas in kernels/rectify/rectify.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

Tensor rectify(const Tensor& x, const Tensor& e);  // of one shape; saves both

}  // namespace purnet::ops
