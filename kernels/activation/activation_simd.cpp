#include "kernels/activation/activation_simd.h"

#include "kernels/simd/math.h"

namespace purnet::activation::PURNET_ISA_NAME {
namespace {

// Comparisons are written so that NaN fails them and stays.
template <Activation f>
inline __attribute__((always_inline)) float value(float x, float slope) {
    if constexpr (f == Activation::relu) return x < 0.0f ? 0.0f : x;
    if constexpr (f == Activation::relu6) return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
    if constexpr (f == Activation::prelu) return x > 0.0f ? x : slope * x;
    if constexpr (f == Activation::sigmoid) return simd::sigmoid(x);
    if constexpr (f == Activation::tanh) return simd::tanh(x);
    return x;
}

template <Activation f>
inline __attribute__((always_inline)) float slope_at(float v, float slope) {
    if constexpr (f == Activation::relu) return v > 0.0f ? 1.0f : 0.0f;
    if constexpr (f == Activation::relu6) return v > 0.0f && v < 6.0f ? 1.0f : 0.0f;
    if constexpr (f == Activation::prelu) return v > 0.0f ? 1.0f : slope;
    if constexpr (f == Activation::sigmoid) return v * (1.0f - v);
    if constexpr (f == Activation::tanh) return 1.0f - v * v;
    return 1.0f;
}

template <Activation f>
void forward_of(const float* x, float slope, float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = value<f>(x[i], slope);
}

template <Activation f>
double backward_of(const float* saved, float slope, const float* dy, float* dx, int64_t count) {
    if constexpr (f != Activation::prelu) {
        if (!dx) return 0;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) dx[i] = dy[i] * slope_at<f>(saved[i], slope);
        return 0;
    } else {
        double sum = 0;
        for (int64_t first = 0; first < count; first += 2048) {  // both loops on what lies in the first cache
            const int64_t last = first + 2048 < count ? first + 2048 : count;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = first; i < last; ++i)
                sum += static_cast<double>(saved[i] < 0.0f ? saved[i] : 0.0f) * static_cast<double>(dy[i]);
            if (!dx) continue;
#pragma omp simd
            for (int64_t i = first; i < last; ++i) dx[i] = dy[i] * slope_at<f>(saved[i], slope);
        }
        return sum;
    }
}

}  // namespace

void forward_range(Activation function, const float* x, float slope, float* y, int64_t count) {
    switch (function) {
        case Activation::none: return forward_of<Activation::none>(x, slope, y, count);
        case Activation::relu: return forward_of<Activation::relu>(x, slope, y, count);
        case Activation::relu6: return forward_of<Activation::relu6>(x, slope, y, count);
        case Activation::prelu: return forward_of<Activation::prelu>(x, slope, y, count);
        case Activation::sigmoid: return forward_of<Activation::sigmoid>(x, slope, y, count);
        case Activation::tanh: return forward_of<Activation::tanh>(x, slope, y, count);
    }
}

double backward_range(Activation function, const float* saved, float slope, const float* dy, float* dx, int64_t count) {
    switch (function) {
        case Activation::none: return backward_of<Activation::none>(saved, slope, dy, dx, count);
        case Activation::relu: return backward_of<Activation::relu>(saved, slope, dy, dx, count);
        case Activation::relu6: return backward_of<Activation::relu6>(saved, slope, dy, dx, count);
        case Activation::prelu: return backward_of<Activation::prelu>(saved, slope, dy, dx, count);
        case Activation::sigmoid: return backward_of<Activation::sigmoid>(saved, slope, dy, dx, count);
        case Activation::tanh: return backward_of<Activation::tanh>(saved, slope, dy, dx, count);
    }
    return 0;
}

}  // namespace purnet::activation::PURNET_ISA_NAME
