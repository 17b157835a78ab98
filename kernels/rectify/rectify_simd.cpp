#include "kernels/rectify/rectify_simd.h"

#include "kernels/simd/math.h"

namespace purnet::rectify::PURNET_ISA_NAME {

void forward_range(const float* x, const float* e, float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * simd::tanh(e[i]) + x[i];
}

void backward_range(const float* x, const float* e, const float* dy, float* dx, float* de, int64_t count) {
    if (dx && de) {
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) {
            const simd::Tanh t = simd::tanh_both(e[i]);
            const float g = dy[i];
            dx[i] = g * t.value + g;
            de[i] = g * x[i] * t.derivative;
        }
    } else if (dx) {
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) dx[i] = dy[i] * simd::tanh(e[i]) + dy[i];
    } else if (de) {
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) de[i] = dy[i] * x[i] * simd::tanh_both(e[i]).derivative;
    }
}

}  // namespace purnet::rectify::PURNET_ISA_NAME
