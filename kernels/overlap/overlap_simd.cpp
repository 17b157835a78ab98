#include "kernels/overlap/overlap_simd.h"

#include "kernels/simd/math.h"

namespace purnet::overlap::PURNET_ISA_NAME {
namespace {

struct Chance {
    float p, q;  // sigmoid(z) and 1 less it, both to full relative precision
};

inline __attribute__((always_inline)) Chance chance_of(float z) {
    const float e = simd::exp(-simd::absolute(z));
    const float inverse = 1.0f / (1.0f + e), small = e * inverse;
    return {z < 0.0f ? small : inverse, z < 0.0f ? inverse : small};
}

}  // namespace

Sums sums_of_range(const float* z, const float* g, int64_t count) {
    double both = 0, either = 0;
#pragma omp simd reduction(+ : both, either)
    for (int64_t i = 0; i < count; ++i) {
        const Chance c = chance_of(z[i]);
        both += static_cast<double>(c.p * g[i]);
        either += static_cast<double>(c.p + c.q * g[i]);
    }
    return {both, either};
}

void gradient_of_range(float inside, float outside, const float* z, const float* g, float* dz, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
        const Chance c = chance_of(z[i]);
        dz[i] = c.p * c.q * (inside * g[i] + outside * (1.0f - g[i]));
    }
}

}  // namespace purnet::overlap::PURNET_ISA_NAME
