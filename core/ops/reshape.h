// Other shapes of the same memory, and several tensors side by side.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace purnet::ops {

Tensor reshape(const Tensor& x, const Shape& shape);       // shares x's memory
Tensor concat_channels(const std::vector<Tensor>& parts);  // along the last axis; the other axes are equal

}  // namespace purnet::ops
