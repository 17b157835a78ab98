// From float32 to unsigned bytes, for files NAME_simd.cpp.
#pragma once

#include <stdint.h>

#include "kernels/simd/vec.h"

namespace purnet::PURNET_ISA_NAME {

typedef int32_t vint __attribute__((vector_size(4 * lanes)));

// The nearest of 0 .. 255, ties to even; 0 for NaN. Adding 1.5 * 2^23 rounds to an integer in the low bits.
inline __attribute__((always_inline)) vint nearest_byte(vfloat v) {
    const vfloat zero{}, most = broadcast(255.0f);
    v = v > zero ? v : zero;
    v = v > most ? most : v;
    return (vint)(v + broadcast(12582912.0f)) & 255;
}

// The first `count` lanes, 0 .. 255 each.
inline __attribute__((always_inline)) void store_bytes(uint8_t* to, vint v, int count) {
#if defined(PURNET_ISA_avx512)
    _mm512_mask_cvtepi32_storeu_epi8(to, static_cast<__mmask16>((1u << count) - 1u), (__m512i)v);
#else
    for (int i = 0; i < count; ++i) to[i] = static_cast<uint8_t>(v[i]);
#endif
}

}  // namespace purnet::PURNET_ISA_NAME
