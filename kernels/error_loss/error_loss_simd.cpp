#include "kernels/error_loss/error_loss_simd.h"

#include "kernels/simd/math.h"

namespace purnet::error_loss::PURNET_ISA_NAME {
namespace {

constexpr int piece = 256;

struct Target {
    float t, rest;  // t and 1 - t
};

inline __attribute__((always_inline)) Target target_of(float zo, float g) {
    const float e = simd::exp(-simd::absolute(zo));
    const float inverse = 1.0f / (1.0f + e), small = e * inverse;
    const float p = zo < 0.0f ? small : inverse, q = zo < 0.0f ? inverse : small;
    return {0.5f * (g + q), 0.5f * ((1.0f - g) + p)};
}

// x ln x in float64 (0 where x is 0): in the sum with -t ln p it cancels.
inline __attribute__((always_inline)) double times_log(float x) {
    const double v = static_cast<double>(x);
    return v * simd::log(v < 1e-300 ? 1e-300 : v);
}

template <Form form>
double range_of(float scale, const float* ze, const float* zo, const float* g, float* dze, int64_t count) {
    double sum = 0;
    for (int64_t first = 0; first < count; first += piece) {
        const int n = static_cast<int>(count - first < piece ? count - first : piece);
        float loss[piece], gradient[piece], target[piece];
#pragma omp simd
        for (int i = 0; i < n; ++i) {
            const Target t = target_of(zo[first + i], g[first + i]);
            const float x = 2.0f * ze[first + i];
            const float e = simd::exp(-simd::absolute(x));
            const float inverse = 1.0f / (1.0f + e), small = e * inverse;
            const float p = x < 0.0f ? small : inverse, q = x < 0.0f ? inverse : small;
            const float soft = simd::log1p_unit(e);  // -ln p = soft + max(-x, 0), -ln q = soft + max(x, 0)
            if constexpr (form == Form::bce) {
                loss[i] = soft + (x < 0.0f ? t.t * -x : t.rest * x);
                gradient[i] = 2.0f * (t.rest * p - t.t * q) * scale;
            } else {
                loss[i] = t.t * (soft + (x < 0.0f ? -x : 0.0f));
                gradient[i] = -2.0f * (t.t * q) * scale;
                target[i] = t.t;
            }
        }
        if (dze)
            for (int i = 0; i < n; ++i) dze[first + i] = gradient[i];
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < n; ++i) {
            double v = static_cast<double>(loss[i]);
            if constexpr (form == Form::kl) v += times_log(target[i]);
            sum += v;
        }
    }
    return sum;
}

}  // namespace

double range(Form form, float scale, const float* ze, const float* zo, const float* g, float* dze, int64_t count) {
    return form == Form::bce ? range_of<Form::bce>(scale, ze, zo, g, dze, count) : range_of<Form::kl>(scale, ze, zo, g, dze, count);
}

double entropy_range(const float* zo, const float* g, int64_t count) {
    double sum = 0;
    for (int64_t first = 0; first < count; first += piece) {
        const int n = static_cast<int>(count - first < piece ? count - first : piece);
        float t[piece], rest[piece];
#pragma omp simd
        for (int i = 0; i < n; ++i) {
            const Target of = target_of(zo[first + i], g[first + i]);
            t[i] = of.t;
            rest[i] = of.rest;
        }
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < n; ++i) sum -= times_log(t[i]) + times_log(rest[i]);
    }
    return sum;
}

}  // namespace purnet::error_loss::PURNET_ISA_NAME
