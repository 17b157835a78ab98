#pragma once

#include <cstdint>

#include "kernels/overlap/overlap_sums.h"
#include "kernels/runtime/isa.h"

namespace purnet::overlap {

PURNET_SIMD(Sums sums_of_range(const float* z, const float* g, int64_t count);
            // dz = p (1 - p) (inside g + outside (1 - g))
            void gradient_of_range(float inside, float outside, const float* z, const float* g, float* dz, int64_t count);)

}  // namespace purnet::overlap
