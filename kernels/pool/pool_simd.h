#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::pool {

// A position that a window covers, or a window that covers a position.
struct Link {
    int64_t offset;  // in elements
    uint8_t tap;
    float weight;
};

PURNET_SIMD(void maximum_at(const float* x, const Link* links, int count, int64_t channels, float* y, uint8_t* tap);
            void route_at(const float* dy, const uint8_t* tap, const Link* links, int count, int64_t channels, float* dx);
            // y[c] = (sum over links of x[offset + c] weight) / divisor
            void weighted_at(const float* x, const Link* links, int count, int64_t channels, float divisor, float* y);)

}  // namespace purnet::pool
