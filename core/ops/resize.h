// Resize of N,H,W,C without anti-aliasing; formulas in kernels/resize/resize.h.
#pragma once

#include "core/tensor.h"
#include "kernels/resize/resize.h"

namespace purnet::ops {

using ResizeMode = resize::Mode;  // bilinear_half_pixel, bilinear_align_corners, nearest

Tensor resize(const Tensor& x, int64_t height, int64_t width, ResizeMode mode);

}  // namespace purnet::ops
