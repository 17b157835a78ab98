// Elements as kernels see them: storage in float32 or bf16, arithmetic in float32.
#pragma once

#include <cuda_bf16.h>

#include "kernels/runtime/dtype.h"

namespace purnet::cuda {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

// Rounds to nearest even; NaN stays NaN.
template <class T>
__device__ __forceinline__ T from_float(float x) {
    if constexpr (sizeof(T) == sizeof(float)) {
        return x;
    } else {
        T y;
        y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
        return y;
    }
}

// Two values as one register of bf16 pairs, the first in the lower half: what matrix instructions take.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
    return static_cast<unsigned>(__bfloat16_as_ushort(__float2bfloat16_rn(low))) |
           static_cast<unsigned>(__bfloat16_as_ushort(__float2bfloat16_rn(high))) << 16;
}

}  // namespace purnet::cuda
