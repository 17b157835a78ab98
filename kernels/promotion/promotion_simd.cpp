#include "kernels/promotion/promotion_simd.h"

#include "kernels/simd/math.h"

namespace purnet::promotion::PURNET_ISA_NAME {
namespace {

// Rows whose sums are kept in float32 before they join the float64 ones.
constexpr int group = 4;

template <bool has_dtarget, int R>
inline __attribute__((always_inline)) void sums_rows(const float* target, const float* f, const float* dy, int64_t channels,
                                                     const float* __restrict maximum, const float* __restrict scale, float* dtarget,
                                                     double* __restrict sum, double* __restrict product) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
        float s = 0, p = 0;
        for (int j = 0; j < R; ++j) {
            const int64_t i = j * channels + c;
            const float e = simd::exp(f[i] - maximum[c]), g = dy[i];
            s += e;
            p += g * target[i] * e;
            if constexpr (has_dtarget) dtarget[i] = g * (e * scale[c]) + g;
        }
        sum[c] += static_cast<double>(s);
        product[c] += static_cast<double>(p);
    }
}

template <bool has_dtarget>
void sums_of(const float* target, const float* f, const float* dy, const float* maximum, const float* scale, int64_t rows, int64_t channels,
             float* dtarget, double* sum, double* product) {
    int64_t r = 0;
    for (; r + group <= rows; r += group) {
        const int64_t at = r * channels;
        sums_rows<has_dtarget, group>(target + at, f + at, dy + at, channels, maximum, scale, has_dtarget ? dtarget + at : nullptr, sum,
                                      product);
    }
    for (; r < rows; ++r) {
        const int64_t at = r * channels;
        sums_rows<has_dtarget, 1>(target + at, f + at, dy + at, channels, maximum, scale, has_dtarget ? dtarget + at : nullptr, sum,
                                  product);
    }
}

}  // namespace

void attention_block(const float* f, const float* maximum, const float* scale, int64_t rows, int64_t channels, float* y) {
    for (int64_t r = 0; r < rows; ++r, f += channels, y += channels)
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) y[c] = simd::exp(f[c] - maximum[c]) * scale[c];
}

void promote_block(const float* target, const float* f, const float* maximum, const float* scale, int64_t rows, int64_t channels,
                   float* y) {
    for (int64_t r = 0; r < rows; ++r, f += channels, y += channels, target += channels)
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) y[c] = target[c] * (simd::exp(f[c] - maximum[c]) * scale[c]) + target[c];
}

void sums_block(const float* target, const float* f, const float* dy, const float* maximum, const float* scale, int64_t rows,
                int64_t channels, float* dtarget, double* sum, double* product) {
    for (int64_t c = 0; c < channels; ++c) sum[c] = product[c] = 0;
    if (dtarget)
        sums_of<true>(target, f, dy, maximum, scale, rows, channels, dtarget, sum, product);
    else
        sums_of<false>(target, f, dy, maximum, scale, rows, channels, dtarget, sum, product);
}

void gradient_block(const GradientBlock& b) {
    const int64_t channels = b.channels;
    const float* __restrict maximum = b.maximum;
    const float* __restrict scale = b.scale;
    const float* __restrict spread = b.spread;
    const float* __restrict shift = b.shift;
    for (int64_t r = 0; r < b.rows; ++r) {
        const float* target = b.target + r * channels;
        const float* f = b.f + r * channels;
        const float* dy = b.dy + r * channels;
        float* df = b.df + r * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c)
            df[c] = simd::exp(f[c] - maximum[c]) * (scale[c] * (dy[c] * target[c]) - spread[c]) + shift[c];
    }
}

}  // namespace purnet::promotion::PURNET_ISA_NAME
