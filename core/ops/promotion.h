// Promotion attention A = gain * softmax over space of f * softmax over channels of f's means; formulas in kernels/promotion/promotion.h.
// One set of statistics serves all its uses at a level.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

// {N,2,C}: what promote and promotion_attention need; not differentiable by itself. f is N,H,W,C.
Tensor promotion_statistics(const Tensor& f, double gain);
// target * A + target, of one shape with f. Its backward is the whole derivative with respect to target and f.
Tensor promote(const Tensor& target, const Tensor& f, const Tensor& statistics, double gain);
// A itself, for display; no gradient.
Tensor promotion_attention(const Tensor& f, const Tensor& statistics);

}  // namespace purnet::ops
