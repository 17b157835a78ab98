#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::rectify {
PURNET_SIMD(void forward_range(const float* x, const float* e, float* y, int64_t count);
            void backward_range(const float* x, const float* e, const float* dy, float* dx, float* de, int64_t count);)
}
