#pragma once

#include <cstdint>

#include "kernels/error_loss/error_loss.h"
#include "kernels/runtime/isa.h"

namespace purnet::error_loss {
// Return sums over the range; dze is times `scale` and may be null.
PURNET_SIMD(double range(Form form, float scale, const float* ze, const float* zo, const float* g, float* dze, int64_t count);
            double entropy_range(const float* zo, const float* g, int64_t count);)
}  // namespace purnet::error_loss
