#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::round_bf16 {
PURNET_SIMD(void range(const float* x, uint16_t* y, int64_t count);)
}  // namespace purnet::round_bf16
