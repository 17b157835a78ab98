#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::quantise {
PURNET_SIMD(void range(float inverse_scale, float zero, const float* x, uint8_t* y, int64_t count);)
}  // namespace purnet::quantise
