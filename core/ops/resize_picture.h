// Pictures of bytes at another size, anti-aliased; filter in kernels/resize/resize_bytes.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

// x: uint8 H,W,C -> uint8 height,width,C, or N,H,W,C -> N,height,width,C: the same bytes on every device. No derivative.
Tensor resize_picture(const Tensor& x, int64_t height, int64_t width);

}  // namespace purnet::ops
