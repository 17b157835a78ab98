#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/runtime/isa.h"

namespace purnet::activation {
PURNET_SIMD(void forward_range(Activation function, const float* x, float slope, float* y, int64_t count);
            // Returns the sum of dslope over the range (0 but for prelu).
            double backward_range(Activation function, const float* saved, float slope, const float* dy, float* dx, int64_t count);)
}
