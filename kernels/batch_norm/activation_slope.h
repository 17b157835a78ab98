// act'(u) of the activations that batch norm takes, for kernels.
#pragma once

#include <cuda_runtime.h>

#include "kernels/activation/activation.h"

namespace purnet::batch_norm {

__device__ __forceinline__ float activation_slope(Activation a, float u, float slope) {
    switch (a) {
        case Activation::relu: return u > 0.0f ? 1.0f : 0.0f;
        case Activation::relu6: return u > 0.0f && u < 6.0f ? 1.0f : 0.0f;
        case Activation::prelu: return u > 0.0f ? 1.0f : slope;
        default: return 1.0f;
    }
}

}  // namespace purnet::batch_norm
