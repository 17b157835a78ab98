#pragma once

#include <cstdint>

#include "kernels/binary/binary.h"
#include "kernels/runtime/isa.h"

namespace purnet::binary {
PURNET_SIMD(void elements(Operation op, const float* a, const float* b, float* y, int64_t count);
            void with_scalar(Operation op, const float* a, float b, float* y, int64_t count);
            void with_channels(Operation op, const float* a, const float* b, float* y, int64_t rows, int64_t channels);
            void negate(const float* x, float* y, int64_t count);)
}
