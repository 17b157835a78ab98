// Activations, element by element; formulas in kernels/activation/activation.h.
#pragma once

#include "core/tensor.h"
#include "kernels/activation/activation.h"

namespace purnet::ops {

Tensor relu(const Tensor& x);
Tensor relu6(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor prelu(const Tensor& x, const Tensor& slope);  // slope {1}
// Any of them; none is x itself. slope for prelu alone.
Tensor activate(const Tensor& x, Activation function, const Tensor& slope = {});

}  // namespace purnet::ops
