// The losses of one level: {1} of parameter type, a mean over all pixels (structural, overlap: over images). Value and gradient are made in
// one pass and the gradient is kept for the backward. Formulas: kernels/bce, kernels/error_loss, kernels/structural, kernels/overlap.
#pragma once

#include "core/tensor.h"
#include "kernels/bce/bce.h"
#include "kernels/error_loss/error_loss.h"

namespace purnet::ops {

using bce::Weight;  // none, fixed, flowing
using ErrorLoss = error_loss::Form;

// Mean of w BCE(sigmoid(z), g), w = 1 + |tanh ze|. z, g, ze of one shape; ze undefined for Weight::none, constant for Weight::fixed.
// clamp: sigmoid(z) limited to [1e-4, 1 - 1e-4], no gradient outside.
Tensor weighted_bce(const Tensor& z, const Tensor& g, const Tensor& ze, Weight weight, bool clamp);
inline Tensor bce_loss(const Tensor& z, const Tensor& g) { return weighted_bce(z, g, {}, Weight::none, false); }

// BCE or KL of sigmoid(2 ze) against the target (g - sigmoid(zo) + 1) / 2; a gradient to ze alone.
Tensor error_loss(const Tensor& ze, const Tensor& zo, const Tensor& g, ErrorLoss form);
// The target's entropy: the floor of ErrorLoss::bce. No gradient.
Tensor error_target_entropy(const Tensor& zo, const Tensor& g);

// KL between the region-difference matrices of g and sigmoid(z) (second_sigmoid: sigmoid(sigmoid(z))); z, g N,H,W,1; labels int32 N,H,W,
// 0 to 4095 in each image.
Tensor structural_kl(const Tensor& z, const Tensor& g, const Tensor& labels, bool second_sigmoid);

// 1 less the soft intersection over union of sigmoid(z) and g, of each image. z, g N,H,W,1.
Tensor overlap_loss(const Tensor& z, const Tensor& g);

}  // namespace purnet::ops
