#include "kernels/optimiser/optimiser_simd.h"

namespace purnet::optimiser::PURNET_ISA_NAME {

void sgd_range(float momentum, float decay, float rate, const float* __restrict g, float* __restrict v, float* __restrict p,
               int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
        const float u = momentum * v[i] + (g[i] + decay * p[i]);
        v[i] = u;
        p[i] -= rate * u;
    }
}

void adamw_range(const AdamwScalars& k, const float* __restrict g, float* __restrict m, float* __restrict s, float* __restrict p,
                 int64_t count) {
    const AdamwScalars c = k;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
        const float first = c.beta1 * m[i] + c.first * g[i], second = c.beta2 * s[i] + c.second * (g[i] * g[i]);
        m[i] = first;
        s[i] = second;
        p[i] -= c.rate * (c.decay * p[i] + first * c.correct1 / (__builtin_sqrtf(second) * c.correct2 + c.eps));
    }
}

void ema_range(float share, const float* __restrict p, float* __restrict a, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) a[i] += share * (p[i] - a[i]);
}

}  // namespace purnet::optimiser::PURNET_ISA_NAME
