// From float32 to bf16, for files NAME_simd.cpp.
#pragma once

#include <stdint.h>

#include "kernels/simd/vec.h"

namespace purnet::PURNET_ISA_NAME {

typedef uint32_t vbits __attribute__((vector_size(4 * lanes)));
typedef uint16_t vhalves __attribute__((vector_size(2 * lanes)));

// The nearest bf16, ties to even, in the low half of each lane; a NaN stays one (made quiet).
inline __attribute__((always_inline)) vbits nearest_half(vfloat v) {
    const vbits u = (vbits)v, rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, quiet = (u >> 16) | 0x40u;
    const vbits nan = (vbits)(v != v);
    return (nan & quiet) | (~nan & rounded);
}

// The first `count` lanes.
inline __attribute__((always_inline)) void store_halves(uint16_t* to, vbits v, int count) {
#if defined(PURNET_ISA_avx512)
    _mm512_mask_cvtepi32_storeu_epi16(to, static_cast<__mmask16>((1u << count) - 1u), (__m512i)v);
#else
    if (count == lanes) {
        const vhalves narrow = __builtin_convertvector(v, vhalves);
        __builtin_memcpy(to, &narrow, sizeof narrow);
        return;
    }
    for (int i = 0; i < count; ++i) to[i] = static_cast<uint16_t>(v[i]);
#endif
}

}  // namespace purnet::PURNET_ISA_NAME
