#include "kernels/ceiling/ceiling_simd.h"

namespace purnet::ceiling::PURNET_ISA_NAME {

namespace {
#if defined(PURNET_ISA_avx512)
typedef float Vector __attribute__((vector_size(64)));
#elif defined(PURNET_ISA_avx2)
typedef float Vector __attribute__((vector_size(32)));
#else
typedef float Vector __attribute__((vector_size(16)));
#endif
constexpr int width = sizeof(Vector) / sizeof(float);
constexpr int chains = 12;  // latency 4 or 5 times two units
}  // namespace

float multiply_add(long rounds) {
    Vector sums[chains];
    for (int c = 0; c < chains; ++c)  // different starts, or the compiler computes one chain for all
        for (int i = 0; i < width; ++i) sums[c][i] = 0.01f * static_cast<float>(c + 1);
    Vector a, b;
    for (int i = 0; i < width; ++i) {
        a[i] = 0.999f + 0.0001f * static_cast<float>(i);
        b[i] = 0.001f;
    }
    const long steps = rounds * lanes / (chains * width);
    for (long r = 0; r < steps; ++r)
        for (int c = 0; c < chains; ++c) sums[c] = sums[c] * a + b;
    float total = 0;
    for (int c = 0; c < chains; ++c)
        for (int i = 0; i < width; ++i) total += sums[c][i];
    return total;
}

void copy(const float* from, float* to, long count) {
#pragma omp simd
    for (long i = 0; i < count; ++i) to[i] = from[i];
}

}  // namespace purnet::ceiling::PURNET_ISA_NAME
