// Bytes of pictures to activations: (x / scale - mean) / deviation; formula in kernels/normalise/normalise.h.
#pragma once

#include <array>

#include "core/tensor.h"

namespace purnet::ops {

// x: uint8 N,H,W,C of 1 or 3 channels -> the same shape in `dtype`. No derivative.
Tensor normalise(const Tensor& x, double scale, const std::array<float, 3>& mean, const std::array<float, 3>& deviation, DType dtype);

}  // namespace purnet::ops
