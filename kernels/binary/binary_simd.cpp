#include "kernels/binary/binary_simd.h"

namespace purnet::binary::PURNET_ISA_NAME {
namespace {

template <Operation op>
inline __attribute__((always_inline)) float combine(float a, float b) {
    if constexpr (op == Operation::add) return a + b;
    if constexpr (op == Operation::sub) return a - b;
    return a * b;
}

template <Operation op>
void elements_of(const float* a, const float* b, float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = combine<op>(a[i], b[i]);
}

template <Operation op>
void scalar_of(const float* a, float b, float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = combine<op>(a[i], b);
}

template <Operation op>
void channels_of(const float* a, const float* b, float* y, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; ++r, a += channels, y += channels)
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) y[c] = combine<op>(a[c], b[c]);
}

}  // namespace

void elements(Operation op, const float* a, const float* b, float* y, int64_t count) {
    switch (op) {
        case Operation::add: return elements_of<Operation::add>(a, b, y, count);
        case Operation::sub: return elements_of<Operation::sub>(a, b, y, count);
        case Operation::mul: return elements_of<Operation::mul>(a, b, y, count);
    }
}

void with_scalar(Operation op, const float* a, float b, float* y, int64_t count) {
    switch (op) {
        case Operation::add: return scalar_of<Operation::add>(a, b, y, count);
        case Operation::sub: return scalar_of<Operation::sub>(a, b, y, count);
        case Operation::mul: return scalar_of<Operation::mul>(a, b, y, count);
    }
}

void with_channels(Operation op, const float* a, const float* b, float* y, int64_t rows, int64_t channels) {
    switch (op) {
        case Operation::add: return channels_of<Operation::add>(a, b, y, rows, channels);
        case Operation::sub: return channels_of<Operation::sub>(a, b, y, rows, channels);
        case Operation::mul: return channels_of<Operation::mul>(a, b, y, rows, channels);
    }
}

void negate(const float* x, float* y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = -x[i];
}

}  // namespace purnet::binary::PURNET_ISA_NAME
