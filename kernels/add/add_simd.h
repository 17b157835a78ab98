#pragma once

#include "kernels/runtime/isa.h"

namespace purnet::add {
PURNET_SIMD(void add_range(const float* a, const float* b, float* y, long count);)
}
