// Rows outside, channels inside. Sums over rows are taken four rows at a time, so that the float64 accumulators, which lie in the
// first cache, are touched once for four rows.
#include "kernels/batch_norm/batch_norm_simd.h"

#define PURNET_LOCAL inline __attribute__((always_inline))

namespace purnet::batch_norm::PURNET_ISA_NAME {
namespace {

template <Activation f>
PURNET_LOCAL float value(float u, float slope) {
    if constexpr (f == Activation::relu) return u < 0.0f ? 0.0f : u;
    if constexpr (f == Activation::relu6) return u < 0.0f ? 0.0f : u > 6.0f ? 6.0f : u;
    if constexpr (f == Activation::prelu) return u > 0.0f ? u : slope * u;
    return u;
}

template <Activation f>
PURNET_LOCAL float through(float u, float slope, float dy) {
    if constexpr (f == Activation::relu) return u > 0.0f ? dy : 0.0f;
    if constexpr (f == Activation::relu6) return u > 0.0f && u < 6.0f ? dy : 0.0f;
    if constexpr (f == Activation::prelu) return u > 0.0f ? dy : slope * dy;
    return dy;
}

template <Activation f, bool has_before, bool has_after>
void apply_of(const ApplyBlock& b) {
    const int64_t channels = b.channels;
    const float* __restrict gamma = b.gamma;
    const float* __restrict mean = b.mean;
    const float* __restrict inverse = b.inverse;
    const float* __restrict shift = b.shift;
    const float slope = b.slope;
    for (int64_t r = 0; r < b.rows; ++r) {
        const float* x = b.x + r * channels;
        const float* before = b.before + (has_before ? r * channels : 0);
        const float* after = b.after + (has_after ? r * channels : 0);
        float* y = b.y + r * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
            float u = gamma[c] * ((x[c] - mean[c]) * inverse[c]) + shift[c];
            if constexpr (has_before) u += before[c];
            float v = value<f>(u, slope);
            if constexpr (has_after) v += after[c];
            y[c] = v;
        }
    }
}

template <Activation f>
void apply_with(const ApplyBlock& b) {
    if (b.before && b.after) return apply_of<f, true, true>(b);
    if (b.before) return apply_of<f, true, false>(b);
    if (b.after) return apply_of<f, false, true>(b);
    return apply_of<f, false, false>(b);
}

template <Activation f, bool has_before, int R>
PURNET_LOCAL void sum_rows(const SumBlock& b, int64_t row) {
    const int64_t channels = b.channels;
    const float* x = b.x + row * channels;
    const float* dy = b.dy + row * channels;
    const float* before = has_before ? b.before + row * channels : nullptr;
    float* g_out = b.g ? b.g + row * channels : nullptr;
    float* dx = b.dx ? b.dx + row * channels : nullptr;
    const float* __restrict mean = b.mean;
    const float* __restrict inverse = b.inverse;
    const float* __restrict gamma = b.gamma;
    const float* __restrict beta = b.beta;
    double* __restrict sum = b.sum;
    double* __restrict sum_h = b.sum_h;
    double* __restrict sum_slope = b.sum_slope;
    const float slope = b.slope;
    const auto step = [&](int64_t c, auto&& keep) __attribute__((always_inline)) {
        float s = 0, sh = 0, ss = 0;
        for (int j = 0; j < R; ++j) {
            const int64_t i = j * channels + c;
            const float h = (x[i] - mean[c]) * inverse[c];
            float g = dy[i];
            if constexpr (f != Activation::none) {
                float u = gamma[c] * h + beta[c];
                if constexpr (has_before) u += before[i];
                if constexpr (f == Activation::prelu) ss += g * (u < 0.0f ? u : 0.0f);
                g = through<f>(u, slope, g);
            }
            keep(i, c, g);
            s += g;
            sh += g * h;
        }
        sum[c] += static_cast<double>(s);
        sum_h[c] += static_cast<double>(sh);
        if constexpr (f == Activation::prelu) sum_slope[c] += static_cast<double>(ss);
    };
    if (g_out) {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) step(c, [&](int64_t i, int64_t, float g) { g_out[i] = g; });
    } else if (dx) {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) step(c, [&](int64_t i, int64_t k, float g) { dx[i] = gamma[k] * inverse[k] * g; });
    } else {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) step(c, [](int64_t, int64_t, float) {});
    }
}

template <Activation f, bool has_before>
void sums_of(const SumBlock& b) {
    int64_t row = 0;
    for (; row + 4 <= b.rows; row += 4) sum_rows<f, has_before, 4>(b, row);
    for (; row < b.rows; ++row) sum_rows<f, has_before, 1>(b, row);
}

template <Activation f>
void sums_with(const SumBlock& b) {
    return b.before && f != Activation::none ? sums_of<f, true>(b) : sums_of<f, false>(b);
}

template <Activation f, bool has_before, bool has_g>
void gradient_of(const GradientBlock& b) {
    const int64_t channels = b.channels;
    const float* __restrict mean = b.mean;
    const float* __restrict inverse = b.inverse;
    const float* __restrict gamma = b.gamma;
    const float* __restrict beta = b.beta;
    const float* __restrict mean_g = b.mean_g;
    const float* __restrict mean_gh = b.mean_gh;
    const float slope = b.slope;
    for (int64_t r = 0; r < b.rows; ++r) {
        const float* x = b.x + r * channels;
        const float* dy = (has_g ? b.g : b.dy) + r * channels;
        const float* before = has_before ? b.before + r * channels : nullptr;
        float* dx = b.dx + r * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
            const float h = (x[c] - mean[c]) * inverse[c];
            float g = dy[c];
            if constexpr (!has_g && f != Activation::none) {
                float u = gamma[c] * h + beta[c];
                if constexpr (has_before) u += before[c];
                g = through<f>(u, slope, g);
            }
            dx[c] = gamma[c] * inverse[c] * ((g - mean_g[c]) - h * mean_gh[c]);
        }
    }
}

template <Activation f>
void gradient_with(const GradientBlock& b) {
    if (b.g || f == Activation::none) return b.g ? gradient_of<f, false, true>(b) : gradient_of<f, false, false>(b);
    return b.before ? gradient_of<f, true, false>(b) : gradient_of<f, false, false>(b);
}

template <int R>
PURNET_LOCAL void moment_rows(const float* x, int64_t channels, double* __restrict sum, double* __restrict square) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
        double s = 0, q = 0;
        for (int j = 0; j < R; ++j) {
            const double v = static_cast<double>(x[j * channels + c]);
            s += v;
            q += v * v;
        }
        sum[c] += s;
        square[c] += q;
    }
}

}  // namespace

void moments(const float* x, int64_t rows, int64_t channels, double* sum, double* square) {
    for (int64_t c = 0; c < channels; ++c) sum[c] = square[c] = 0;
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) moment_rows<4>(x + row * channels, channels, sum, square);
    for (; row < rows; ++row) moment_rows<1>(x + row * channels, channels, sum, square);
}

void apply(const ApplyBlock& b) {
    switch (b.activation) {
        case Activation::relu: return apply_with<Activation::relu>(b);
        case Activation::relu6: return apply_with<Activation::relu6>(b);
        case Activation::prelu: return apply_with<Activation::prelu>(b);
        default: return apply_with<Activation::none>(b);
    }
}

void sums(const SumBlock& b) {
    for (int64_t c = 0; c < b.channels; ++c) b.sum[c] = b.sum_h[c] = b.sum_slope[c] = 0;
    switch (b.activation) {
        case Activation::relu: return sums_with<Activation::relu>(b);
        case Activation::relu6: return sums_with<Activation::relu6>(b);
        case Activation::prelu: return sums_with<Activation::prelu>(b);
        default: return sums_with<Activation::none>(b);
    }
}

void gradient(const GradientBlock& b) {
    switch (b.activation) {
        case Activation::relu: return gradient_with<Activation::relu>(b);
        case Activation::relu6: return gradient_with<Activation::relu6>(b);
        case Activation::prelu: return gradient_with<Activation::prelu>(b);
        default: return gradient_with<Activation::none>(b);
    }
}

}  // namespace purnet::batch_norm::PURNET_ISA_NAME
