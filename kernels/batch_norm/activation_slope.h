// act'(u) of the activations that batch norm takes, for kernels.
#pragma once

#include <cuda_runtime.h>

#include "kernels/activation/activation.h"

namespace purnet::batch_norm {

// For u after u: what does not depend on u is worked out once, the rest is two selections and no branch.
struct ActivationSlope {
    float below;  // of u that is not above 0
    bool capped;

    __device__ __forceinline__ ActivationSlope(Activation a, float slope)
        : below(a == Activation::none    ? 1.0f
                : a == Activation::prelu ? slope
                                         : 0.0f),
          capped(a == Activation::relu6) {}
    __device__ __forceinline__ float operator()(float u) const {
        const float above = capped && u >= 6.0f ? 0.0f : 1.0f;
        return u > 0.0f ? above : below;
    }
};

__device__ __forceinline__ float activation_slope(Activation a, float u, float slope) { return ActivationSlope(a, slope)(u); }

}  // namespace purnet::batch_norm
