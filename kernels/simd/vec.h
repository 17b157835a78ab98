// One vector of float32 as wide as the instruction set, for files NAME_simd.cpp (kernels/runtime/isa.h says how they are compiled).
// Everything lies in the namespace of the instruction set, so that no two sets share an instantiation.
//
//   vfloat v = load(p) + broadcast(2.0f);  v = fma(a, b, v);  store(p, v);
//   load_part(p, n), store_part(p, v, n): the first n lanes, 0 <= n <= lanes; lanes behind them are 0 and memory behind them is
//   not touched.
//   float s = sum(v): by halves, the same order on every machine of one width.
#pragma once

#include <string.h>
#if defined(PURNET_ISA_avx512) || defined(PURNET_ISA_avx2)
#include <immintrin.h>
#endif

namespace purnet::PURNET_ISA_NAME {

#if defined(PURNET_ISA_avx512)
constexpr int lanes = 16;
#define PURNET_LANES(f) f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f
#elif defined(PURNET_ISA_avx2)
constexpr int lanes = 8;
#define PURNET_LANES(f) f, f, f, f, f, f, f, f
#else
constexpr int lanes = 4;
#define PURNET_LANES(f) f, f, f, f
#endif

typedef float vfloat __attribute__((vector_size(4 * lanes)));
typedef float vfloat_unaligned __attribute__((vector_size(4 * lanes), aligned(4), may_alias));

inline __attribute__((always_inline)) vfloat load(const float* p) { return *reinterpret_cast<const vfloat_unaligned*>(p); }
inline __attribute__((always_inline)) void store(float* p, vfloat v) { *reinterpret_cast<vfloat_unaligned*>(p) = v; }
// Written out: from `vfloat{} + f` compilers make an addition and a broadcast instead of one broadcasting load.
inline __attribute__((always_inline)) vfloat broadcast(float f) { return vfloat{PURNET_LANES(f)}; }
#undef PURNET_LANES
inline __attribute__((always_inline)) vfloat fma(vfloat a, vfloat b, vfloat c) { return a * b + c; }

#if defined(PURNET_ISA_avx512)
inline __attribute__((always_inline)) vfloat load_part(const float* p, int n) {
    return (vfloat)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
}
inline __attribute__((always_inline)) void store_part(float* p, vfloat v, int n) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v);
}
#elif defined(PURNET_ISA_avx2)
inline __attribute__((always_inline)) __m256i part_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __attribute__((always_inline)) vfloat load_part(const float* p, int n) { return (vfloat)_mm256_maskload_ps(p, part_mask(n)); }
inline __attribute__((always_inline)) void store_part(float* p, vfloat v, int n) { _mm256_maskstore_ps(p, part_mask(n), (__m256)v); }
#else
inline vfloat load_part(const float* p, int n) {
    vfloat v{};
    for (int i = 0; i < n; ++i) v[i] = p[i];
    return v;
}
inline void store_part(float* p, vfloat v, int n) {
    for (int i = 0; i < n; ++i) p[i] = v[i];
}
#endif

inline __attribute__((always_inline)) float sum(vfloat v) {
    float part[lanes];
    store(part, v);
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) part[i] += part[i + half];
    return part[0];
}

}  // namespace purnet::PURNET_ISA_NAME
