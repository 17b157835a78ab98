// Bytes of pictures to a network's input. They cross to a device as bytes, a quarter of float32, and become values there; the bits are the
// same everywhere (kernels/normalise/normalise.h).
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "nets/purnet.h"

namespace purnet {

// Bytes of the host as a tensor on `device`.
Tensor bytes_on(Device device, const uint8_t* bytes, const Shape& shape);
// uint8 N,H,W,3 -> `dtype` on the device where they lie: (byte / scale - mean) / deviation. An op, which plans and recorded steps hold.
Tensor network_input(const Tensor& rgb, const Normalisation& normalisation, DType dtype);
// As that network wants it.
Tensor network_input(const PurNet& net, const Tensor& rgb);
// From the host's bytes n,h,w,3.
Tensor network_input(const uint8_t* rgb, int64_t n, int64_t h, int64_t w, const Normalisation& normalisation, Device device = {},
                     DType dtype = DType::f32);
Tensor network_input(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t h, int64_t w);

}  // namespace purnet
