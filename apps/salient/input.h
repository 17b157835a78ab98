// Bytes of pictures to a network's input.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "nets/purnet.h"

namespace purnet {

// rgb n,h,w,3 bytes -> N,H,W,3 of `dtype` on `device`: (byte / scale - mean) / deviation by table.
Tensor network_input(const uint8_t* rgb, int64_t n, int64_t h, int64_t w, const Normalisation& normalisation, Device device = {},
                     DType dtype = DType::f32);
// As that network wants it.
Tensor network_input(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t h, int64_t w);
// The same into host memory.
void normalise(const uint8_t* rgb, int64_t pixels, const Normalisation& normalisation, float* out);

}  // namespace purnet
