// a + b, a - b, a * b. b has a's shape or is broadcast over it: {1}, {C} (also 1,1,1,C), {N,C} or {N,1,1,C} over N,...,C.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace purnet::ops {

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);

}  // namespace purnet::ops
