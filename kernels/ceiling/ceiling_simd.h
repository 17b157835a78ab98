// Loops that do nothing but keep one resource busy: the ceilings that benchmarks hold their figures against.
#pragma once

#include "kernels/runtime/isa.h"

namespace purnet::ceiling {
// `rounds` rounds of `lanes` independent multiply-adds; returns a value that depends on all of them.
inline constexpr int lanes = 192;
PURNET_SIMD(float multiply_add(long rounds); void copy(const float* from, float* to, long count);)
}  // namespace purnet::ceiling
