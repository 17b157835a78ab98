// What several ops ask of their operands.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

// The weight as a kernel for x's type reads it: itself where the types agree; beside bf16 activations, whose weights are kept in
// float32 as all parameters are, its values rounded to the nearest bf16. What comes back to that copy is the parameter's own gradient,
// in float32, unchanged: rounding counts as the identity. Other types are an Error, since a kernel takes both through pointers of one.
// Source: master weights of Micikevicius et al., Mixed Precision Training, section 3.1.
Tensor weight_for(const char* op, const Tensor& x, const Tensor& weight);

}  // namespace purnet::ops
