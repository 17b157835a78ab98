// Convolution and transposed convolution in bf16, for inference: pictures and weights in bf16, their products summed in float32.
//
//   v = sum of weight * x + bias[o], weight the nearest bf16 of what was given; then packed.h's epilogue in float32
//   y = v, or the nearest bf16 of it
//
// Shapes are those of conv2d.h (Pass::forward) and, for Pass::backward_data, of a transposed convolution that is the data gradient of
// `problem`: x has y's shape and the other way round. bias, before and after are float32. groups = 1. Denormal products may count as 0.
// FLOP: as the float32 convolution, 2 to an instruction's lane with AVX512_BF16, more with AMX. Bytes: x, weight and y half of float32's.
// By oneDNN, which does the same on any AVX-512 machine with ordinary instructions, without gain: PURNET_BF16=emulate asks for that.
#pragma once

#include <memory>
#include <string>

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d {

// Empty where this CPU multiplies bf16 (or PURNET_BF16=emulate and it can pretend), else one clause that says why it does not. Other
// values of the variable throw.
std::string why_no_bf16();

// Whether the library has more than reference loops for these sizes. Not to be asked where why_no_bf16().
bool can_bf16(const Problem& problem, Pass pass);

// x of run() is bf16, y of the type `y` (f32 or bf16), before and after float32. bias may be null.
std::unique_ptr<PackedConv> pack_bf16(const Problem& problem, Pass pass, const Epilogue& epilogue, DType y, const float* weight,
                                      const float* bias);

}  // namespace purnet::conv2d
