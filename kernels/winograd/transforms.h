// The small matrices of Winograd's algorithm as straight code on vectors of channels; kernels/winograd/winograd.h has the formula.
// For files *_simd.cpp only. Each function maps one column: n = m + taps - 1 values (or m, or taps).
#pragma once

#include "kernels/simd/vec.h"

namespace purnet::winograd::PURNET_ISA_NAME {

using namespace purnet::PURNET_ISA_NAME;

#define PURNET_INLINE inline __attribute__((always_inline))

template <int m>
struct Transform;

// Points 0, 1, -1, infinity.
template <>
struct Transform<2> {
    static constexpr int n = 4, taps = 3;
    // B^T
    static PURNET_INLINE void input(const vfloat* d, vfloat* t) {
        t[0] = d[0] - d[2];
        t[1] = d[1] + d[2];
        t[2] = d[2] - d[1];
        t[3] = d[1] - d[3];
    }
    // A^T
    static PURNET_INLINE void output(const vfloat* t, vfloat* y) {
        y[0] = t[0] + t[1] + t[2];
        y[1] = t[1] - t[2] - t[3];
    }
    // A
    static PURNET_INLINE void output_adjoint(const vfloat* y, vfloat* t) {
        t[0] = y[0];
        t[1] = y[0] + y[1];
        t[2] = y[0] - y[1];
        t[3] = -y[1];
    }
    // G
    static PURNET_INLINE void filter(const vfloat* g, vfloat* t) {
        const vfloat even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
        t[0] = g[0];
        t[1] = even + odd;
        t[2] = even - odd;
        t[3] = g[2];
    }
    // G = diag(fraction) times integers. The gradient of a filter takes the fractions with the small values of A y A^T: its sums are then
    // multiplied by integers alone.
    static constexpr double fraction[n] = {1, 0.5, 0.5, 1};
    // The integers' transpose.
    static PURNET_INLINE void filter_adjoint(const vfloat* t, vfloat* g) {
        const vfloat even = t[1] + t[2];
        g[0] = t[0] + even;
        g[1] = t[1] - t[2];
        g[2] = even + t[3];
    }
};

// The same points for two taps and three outputs.
template <>
struct Transform<3> {
    static constexpr int n = 4, taps = 2;
    static PURNET_INLINE void input(const vfloat* d, vfloat* t) { Transform<2>::input(d, t); }
    static PURNET_INLINE void output(const vfloat* t, vfloat* y) {
        const vfloat sum = t[1] + t[2];
        y[0] = t[0] + sum;
        y[1] = t[1] - t[2];
        y[2] = sum - t[3];
    }
    static PURNET_INLINE void filter(const vfloat* g, vfloat* t) {
        t[0] = g[0];
        t[1] = (g[0] + g[1]) * 0.5f;
        t[2] = (g[0] - g[1]) * 0.5f;
        t[3] = g[1];
    }
};

// Points 0, 1, -1, 2, -2, infinity.
template <>
struct Transform<4> {
    static constexpr int n = 6, taps = 3;
    static PURNET_INLINE void input(const vfloat* d, vfloat* t) {
        const vfloat a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
        t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
        t[1] = a + b;
        t[2] = a - b;
        t[3] = c + e;
        t[4] = c - e;
        t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
    }
    static PURNET_INLINE void output(const vfloat* t, vfloat* y) {
        const vfloat a = t[1] + t[2], b = t[1] - t[2], c = t[3] + t[4], e = t[3] - t[4];
        y[0] = t[0] + a + c;
        y[1] = b + 2.0f * e;
        y[2] = a + 4.0f * c;
        y[3] = b + 8.0f * e + t[5];
    }
    static PURNET_INLINE void output_adjoint(const vfloat* y, vfloat* t) {
        const vfloat a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4.0f * y[2], e = 2.0f * (y[1] + 4.0f * y[3]);
        t[0] = y[0];
        t[1] = a + b;
        t[2] = a - b;
        t[3] = c + e;
        t[4] = c - e;
        t[5] = y[3];
    }
    static PURNET_INLINE void filter(const vfloat* g, vfloat* t) {
        // Sums before the one multiplication: exact on multiples of 24.
        const vfloat a = g[0] + g[2], c = g[0] + 4.0f * g[2], e = 2.0f * g[1];
        t[0] = g[0] * 0.25f;
        t[1] = (a + g[1]) * (-1.0f / 6);
        t[2] = (a - g[1]) * (-1.0f / 6);
        t[3] = (c + e) * (1.0f / 24);
        t[4] = (c - e) * (1.0f / 24);
        t[5] = g[2];
    }
    static constexpr double fraction[n] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24, 1};
    static PURNET_INLINE void filter_adjoint(const vfloat* t, vfloat* g) {
        const vfloat a = t[1] + t[2], c = t[3] + t[4];
        g[0] = t[0] + a + c;
        g[1] = t[1] - t[2] + 2.0f * (t[3] - t[4]);
        g[2] = a + 4.0f * c + t[5];
    }
};

}  // namespace purnet::winograd::PURNET_ISA_NAME
