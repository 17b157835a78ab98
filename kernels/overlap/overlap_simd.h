#pragma once

#include <cstdint>

#include "kernels/overlap/overlap.h"
#include "kernels/runtime/isa.h"

namespace purnet::overlap {

struct Sums {
    double both = 0, either = 0;  // p g and p + g - p g
};

PURNET_SIMD(Sums sums_of_range(const float* z, const float* g, int64_t count);
            // dz = p (1 - p) (inside g + outside (1 - g))
            void gradient_of_range(float inside, float outside, const float* z, const float* g, float* dz, int64_t count);)

}  // namespace purnet::overlap
