// Batch normalisation with activation and additions fused: y = act(bn(x) + before) + after; formulas in kernels/batch_norm/batch_norm.h.
#pragma once

#include "core/tensor.h"
#include "kernels/activation/activation.h"

namespace purnet::ops {

struct BatchNormOptions {
    bool training = true;  // batch statistics, and the running ones are updated; else the running ones
    double eps = 1e-5;
    double momentum = 0.1;
    Activation activation = Activation::none;  // none, relu, relu6, prelu
};

// x ..., C (any leading axes); gamma, beta, running_mean, running_var {C}; slope {1} for prelu; before, after of x's shape or undefined.
// moments, undefined or from conv2d_with_moments: of x, with batch statistics alone, which then take no pass over x.
// Saves x, and before where an activation follows; never y.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options, const Tensor& slope = {}, const Tensor& before = {}, const Tensor& after = {},
                  const Tensor& moments = {});

}  // namespace purnet::ops
