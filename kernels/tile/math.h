// Functions of one element, written so that what is near 0 keeps its digits.
#pragma once

#include <cuda_runtime.h>

namespace purnet::tile {

// sigmoid(z) and 1 - sigmoid(z) = sigmoid(-z), each relatively exact, and ln(1 + e^-|z|), from which both logarithms follow:
// -ln p = log_part + max(-z, 0), -ln(1 - p) = log_part + max(z, 0). Never overflows.
struct Sigmoid {
    float p, q, log_part;
};
__device__ __forceinline__ Sigmoid sigmoid_parts(float z) {
    const float a = expf(-fabsf(z));
    const float large = 1.0f / (1.0f + a), small = a * large;
    return {z >= 0.0f ? large : small, z >= 0.0f ? small : large, log1pf(a)};
}

// 1 - tanh^2(x) = 4 a / (1 + a)^2 with a = e^-2|x|.
__device__ __forceinline__ float sech_squared(float x) {
    const float a = expf(-2.0f * fabsf(x)), s = 1.0f / (1.0f + a);
    return 4.0f * a * s * s;
}

// t ln t, 0 at 0.
__device__ __forceinline__ float times_log(float t) { return t > 0.0f ? t * logf(t) : 0.0f; }

}  // namespace purnet::tile
