#include "kernels/bce/bce_simd.h"

#include "kernels/simd/math.h"

namespace purnet::bce::PURNET_ISA_NAME {
namespace {

// Logits beyond +-ln((1 - m) / m) are clamped; b is then that of the limit.
constexpr float edge = 9.21024036697585f;
constexpr float near_loss = 1.0000500033335834e-4f;  // -ln(1 - 1e-4)
constexpr float far_loss = 9.2103403719761836f;      // -ln(1e-4)

constexpr int piece = 256;

template <Weight weight, bool clamp>
double range_of(float scale, const float* z, const float* g, const float* ze, float* dz, float* dze, int64_t count) {
    double sum = 0;
    for (int64_t first = 0; first < count; first += piece) {
        const int n = static_cast<int>(count - first < piece ? count - first : piece);
        float loss[piece], gradient[piece], moved[piece];
#pragma omp simd
        for (int i = 0; i < n; ++i) {
            const float x = z[first + i], t = g[first + i];
            const float e = simd::exp(-simd::absolute(x));
            const float inverse = 1.0f / (1.0f + e);
            const float p = x < 0.0f ? e * inverse : inverse, q = x < 0.0f ? inverse : e * inverse;
            float b = simd::log1p_unit(e) + (x < 0.0f ? t * -x : (1.0f - t) * x);
            float d = (1.0f - t) * p - t * q;
            if constexpr (clamp) {
                const float high = t * near_loss + (1.0f - t) * far_loss, low = t * far_loss + (1.0f - t) * near_loss;
                const bool above = x > edge, below = x < -edge;
                b = above ? high : below ? low : b;
                d = above || below ? 0.0f : d;
            }
            if constexpr (weight != Weight::none) {
                const simd::Tanh a = simd::tanh_both(ze[first + i]);
                const float w = 1.0f + simd::absolute(a.value);
                if constexpr (weight == Weight::flowing)
                    moved[i] = ze[first + i] == 0.0f ? 0.0f : simd::with_sign(b * a.derivative, a.value);
                b *= w;
                d *= w;
            }
            loss[i] = b;
            gradient[i] = d * scale;
        }
        if (dz)
            for (int i = 0; i < n; ++i) dz[first + i] = gradient[i];
        if constexpr (weight == Weight::flowing)
            if (dze)
                for (int i = 0; i < n; ++i) dze[first + i] = moved[i] * scale;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < n; ++i) sum += static_cast<double>(loss[i]);
    }
    return sum;
}

template <Weight weight>
double range_with(bool clamp, float scale, const float* z, const float* g, const float* ze, float* dz, float* dze, int64_t count) {
    return clamp ? range_of<weight, true>(scale, z, g, ze, dz, dze, count) : range_of<weight, false>(scale, z, g, ze, dz, dze, count);
}

}  // namespace

double range(Weight weight, bool clamp, float scale, const float* z, const float* g, const float* ze, float* dz, float* dze,
             int64_t count) {
    switch (weight) {
        case Weight::none: return range_with<Weight::none>(clamp, scale, z, g, ze, dz, dze, count);
        case Weight::fixed: return range_with<Weight::fixed>(clamp, scale, z, g, ze, dz, dze, count);
        case Weight::flowing: return range_with<Weight::flowing>(clamp, scale, z, g, ze, dz, dze, count);
    }
    return 0;
}

}  // namespace purnet::bce::PURNET_ISA_NAME
