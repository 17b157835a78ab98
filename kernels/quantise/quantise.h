// 8-bit form of a tensor (kernels/conv2d/conv2d_int8.h says what the bytes mean): i < count
//     y[i] = x[i] / scale + zero, rounded to the nearest (ties to even) of 0 .. 255; NaN gives 0
// x: activations; y: uint8. Computed as x[i] * float32(1 / scale) + zero in float32, fused where the CPU fuses. Bytes: 5 of an element.
// FLOP: 4 each.
#pragma once

#include <cstdint>

#include "kernels/runtime/table.h"

namespace purnet::quantise {

struct Problem {
    int64_t count = 0;
    float scale = 1;
    int zero = 0;
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::quantise
