#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::optimiser {

struct AdamwScalars {
    float beta1, beta2, first, second;  // first = 1 - beta1, second = 1 - beta2
    float correct1, correct2;           // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
    float eps, decay, rate;
};

PURNET_SIMD(void sgd_range(float momentum, float decay, float rate, const float* g, float* v, float* p, int64_t count);
            void adamw_range(const AdamwScalars& k, const float* g, float* m, float* s, float* p, int64_t count);
            void ema_range(float share, const float* p, float* a, int64_t count);)

}  // namespace purnet::optimiser
