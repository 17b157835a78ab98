// Elementary functions without branches or calls, for loops that the compiler vectorises. Only *_simd.cpp files include it:
// every function has internal linkage, so no copy for one instruction set can serve another.
//
// Largest errors seen in units in the last place, over every 2039th float32 (tests/kernels/simd/math_test.cpp): exp 1, sigmoid 2.4,
// tanh 2.4, 1 - tanh^2 2.4, ln(1 + e) 2; the float64 ln 4e-16 relative. NaN in gives NaN out. The constants are those of the plain series
// (Taylor, atanh); none is fitted.
#pragma once

#include <cstdint>

#define PURNET_MATH static inline __attribute__((always_inline))

namespace purnet::simd {

PURNET_MATH uint32_t bits(float x) { return __builtin_bit_cast(uint32_t, x); }
PURNET_MATH float from_bits(uint32_t x) { return __builtin_bit_cast(float, x); }
PURNET_MATH float absolute(float x) { return from_bits(bits(x) & 0x7fffffffu); }
// |magnitude| with the sign of x.
PURNET_MATH float with_sign(float magnitude, float x) { return from_bits((bits(magnitude) & 0x7fffffffu) | (bits(x) & 0x80000000u)); }

struct Reduced {  // x = n ln 2 + r
    uint32_t n;   // two's complement
    float q;      // e^r - 1
};

// |r| <= ln 2 / 2; Taylor to r^8, the first term left out is below 3e-10.
PURNET_MATH Reduced reduce(float x) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    const float shifted = x * 1.44269504088896341f + magic;
    const float n = shifted - magic;
    const float r = (x - n * 0.693359375f) - n * -2.12194440054690583e-4f;  // ln 2 in two parts: the first product is exact
    float p = 1.0f / 40320.0f;
    p = p * r + 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    return {bits(shifted) - bits(magic), p * (r * r) + r};
}

// e^x; 0 below -104, infinity above 88.73, gradual underflow between.
PURNET_MATH float exp(float x) {
    float c = x < -104.0f ? -104.0f : x;
    c = c > 89.0f ? 89.0f : c;
    const Reduced e = reduce(c);
    const uint32_t half = static_cast<uint32_t>(static_cast<int32_t>(e.n) >> 1);  // two steps: 2^n alone may be no float
    return (1.0f + e.q) * from_bits((half + 127u) << 23) * from_bits((e.n - half + 127u) << 23);
}

// 1 / (1 + e^-x), relatively exact in both tails.
PURNET_MATH float sigmoid(float x) {
    const float e = exp(-absolute(x));
    const float inverse = 1.0f / (1.0f + e);
    return x < 0.0f ? e * inverse : inverse;
}

struct Tanh {
    float value;
    float derivative;  // 1 - tanh^2, relatively exact where tanh is near 1
};

// tanh |x| = t / (t + 2) with t = e^(2|x|) - 1 = 2^n q + (2^n - 1); 1 - tanh |x| = 2 / (t + 2).
PURNET_MATH Tanh tanh_both(float x) {
    float a = 2.0f * absolute(x);
    a = a > 87.0f ? 87.0f : a;
    const Reduced e = reduce(a);
    const float scale = from_bits((e.n + 127u) << 23);
    const float t = scale * e.q + (scale - 1.0f);
    const float rest = 2.0f / (t + 2.0f);
    return {with_sign(t / (t + 2.0f), x), rest * (2.0f - rest)};
}
PURNET_MATH float tanh(float x) { return tanh_both(x).value; }

// ln(1 + e) for 0 <= e <= 1, relatively exact: 2 atanh(s), s = e / (2 + e) <= 1/3.
PURNET_MATH float log1p_unit(float e) {
    const float s = e / (2.0f + e);
    const float z = s * s;
    float p = 1.0f / 17.0f;
    p = p * z + 1.0f / 15.0f;
    p = p * z + 1.0f / 13.0f;
    p = p * z + 1.0f / 11.0f;
    p = p * z + 1.0f / 9.0f;
    p = p * z + 1.0f / 7.0f;
    p = p * z + 1.0f / 5.0f;
    p = p * z + 1.0f / 3.0f;
    const float twice = 2.0f * s;
    return twice * z * p + twice;
}

// ln x in double for positive normal x: x = 2^n m, m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)).
PURNET_MATH double log(double x) {
    const uint64_t u = __builtin_bit_cast(uint64_t, x);
    const uint64_t k = (u + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull)) >> 52;  // n + 1023: sqrt(1/2) begins an octave
    const double exponent = __builtin_bit_cast(double, k + 0x4330000000000000ull) - (4503599627370496.0 + 1023.0);
    const double m = __builtin_bit_cast(double, u - ((k - 1023u) << 52));
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double p = 1.0 / 23.0;
    p = p * z + 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    const double twice = 2.0 * s;
    return twice * z * p + twice + exponent * 0.693147180559945309;
}

}  // namespace purnet::simd

#undef PURNET_MATH
