// Scalars from tensors.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace purnet::ops {

Tensor sum(const Tensor& x);                        // {1}, of parameter type
Tensor mean(const Tensor& x);                       // {1}
Tensor sum_of(const std::vector<Tensor>& scalars);  // {1}; every one {1} of parameter type
Tensor squared_norm(const Tensor& x);               // {1}; no derivative
Tensor all_finite(const Tensor& x);                 // {1} int32: 1 or 0; no derivative

}  // namespace purnet::ops
