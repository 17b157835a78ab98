#include "kernels/softmax/softmax_simd.h"

#include "kernels/simd/math.h"

namespace purnet::softmax::PURNET_ISA_NAME {
namespace {

// Rows whose sums are kept in float32 before they join the float64 ones.
constexpr int group = 4;

template <int R>
inline __attribute__((always_inline)) void statistics_rows(const float* f, int64_t channels, const float* __restrict maximum,
                                                           double* __restrict sum, double* __restrict total) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
        float s = 0, t = 0;
        for (int j = 0; j < R; ++j) {
            const float v = f[j * channels + c];
            s += simd::exp(v - maximum[c]);
            t += v;
        }
        sum[c] += static_cast<double>(s);
        total[c] += static_cast<double>(t);
    }
}

}  // namespace

void statistics_block(const float* f, int64_t rows, int64_t channels, float* maximum, double* sum, double* total) {
    for (int64_t c = 0; c < channels; ++c) {
        maximum[c] = f[c];
        sum[c] = total[c] = 0;
    }
    // Tiles that stay in the second cache: first their maximum, then, where it rose, the sums so far are scaled, then the sums.
    const int64_t tile = 16384 / channels > 8 ? 16384 / channels / group * group : 8;
    float* __restrict high = maximum;
    for (int64_t first = 0; first < rows; first += tile) {
        const int64_t last = first + tile < rows ? first + tile : rows;
        const int64_t piece = 64;
        for (int64_t c0 = 0; c0 < channels; c0 += piece) {
            const int64_t n = c0 + piece < channels ? piece : channels - c0;
            float best[piece];
            for (int64_t j = 0; j < n; ++j) best[j] = high[c0 + j];
            for (int64_t r = first; r < last; ++r) {
                const float* v = f + r * channels + c0;
#pragma omp simd
                for (int64_t j = 0; j < n; ++j) best[j] = best[j] < v[j] ? v[j] : best[j];
            }
#pragma omp simd
            for (int64_t j = 0; j < n; ++j) {
                sum[c0 + j] *= static_cast<double>(simd::exp(high[c0 + j] - best[j]));
                high[c0 + j] = best[j];
            }
        }
        int64_t r = first;
        for (; r + group <= last; r += group) statistics_rows<group>(f + r * channels, channels, maximum, sum, total);
        for (; r < last; ++r) statistics_rows<1>(f + r * channels, channels, maximum, sum, total);
    }
}

void scaled_block(const float* x, const float* maximum, const float* scale, int64_t rows, int64_t channels, float* y) {
    for (int64_t r = 0; r < rows; ++r, x += channels, y += channels)
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) y[c] = simd::exp(x[c] - maximum[c]) * scale[c];
}

void gradient_block(const float* y, const float* dy, const float* dot, int64_t rows, int64_t channels, float* dx) {
    for (int64_t r = 0; r < rows; ++r, y += channels, dy += channels, dx += channels)
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) dx[c] = y[c] * (dy[c] - dot[c]);
}

void rows_forward(const float* x, int64_t rows, int64_t length, float* y) {
    for (int64_t r = 0; r < rows; ++r, x += length, y += length) {
        float maximum = x[0];
#pragma omp simd reduction(max : maximum)
        for (int64_t k = 0; k < length; ++k) maximum = maximum < x[k] ? x[k] : maximum;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < length; ++k) {
            const float e = simd::exp(x[k] - maximum);
            y[k] = e;
            sum += static_cast<double>(e);
        }
        const auto scale = static_cast<float>(1 / sum);
#pragma omp simd
        for (int64_t k = 0; k < length; ++k) y[k] *= scale;
    }
}

void rows_backward(const float* y, const float* dy, int64_t rows, int64_t length, float* dx) {
    for (int64_t r = 0; r < rows; ++r, y += length, dy += length, dx += length) {
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < length; ++k) sum += static_cast<double>(y[k]) * static_cast<double>(dy[k]);
        const auto dot = static_cast<float>(sum);
#pragma omp simd
        for (int64_t k = 0; k < length; ++k) dx[k] = y[k] * (dy[k] - dot);
    }
}

}  // namespace purnet::softmax::PURNET_ISA_NAME
