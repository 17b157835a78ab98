#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::promotion {

// Vectors have `channels` elements, maps rows x channels.
struct GradientBlock {
    int64_t rows, channels;
    const float *target, *f, *dy;
    const float *maximum, *scale;  // M, u
    const float *spread, *shift;   // D / Z, (D - k sum D) / rows
    float* df;
};

PURNET_SIMD(void attention_block(const float* f, const float* maximum, const float* scale, int64_t rows, int64_t channels, float* y);
            void promote_block(const float* target, const float* f, const float* maximum, const float* scale, int64_t rows,
                               int64_t channels, float* y);
            // sum[c] of e^(f - M), product[c] of dy target e^(f - M); dtarget (may be null) = dy (1 + e^(f - M) scale).
            void sums_block(const float* target, const float* f, const float* dy, const float* maximum, const float* scale, int64_t rows,
                            int64_t channels, float* dtarget, double* sum, double* product);
            void gradient_block(const GradientBlock& b);)

}  // namespace purnet::promotion
