#pragma once

#include <cstdint>

#include "kernels/bce/bce.h"
#include "kernels/runtime/isa.h"

namespace purnet::bce {
// Returns the sum of w b; the gradients are times `scale` and may be null.
PURNET_SIMD(double range(Weight weight, bool clamp, float scale, const float* z, const float* g, const float* ze, float* dz, float* dze,
                         int64_t count);)
}  // namespace purnet::bce
