// Random changes of training pictures, as drawn on the host; formula in kernels/augment/augment.h.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

struct AugmentedPictures {
    Tensor rgb, mask, labels;
};

// rgb: uint8 N,H,W,3; mask: uint8 N,H,W,1; labels: 16-bit numbers as the bytes of uint8 N,H,W,2, undefined for none; changes: uint8
// N,change_bytes(H) -> rgb: uint8 N,H,W,3; mask: uint8 N,height,width,1; labels: int32 N,height,width, undefined for none. The same bytes
// on every device. No derivative.
AugmentedPictures augment(const Tensor& rgb, const Tensor& mask, const Tensor& labels, const Tensor& changes, int64_t height,
                          int64_t width);

}  // namespace purnet::ops
