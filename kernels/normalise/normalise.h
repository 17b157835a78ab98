// Bytes of pictures to what a network reads:
//     y[i, c] = (x[i, c] / scale - mean[c]) / deviation[c]
// computed in float64 and rounded to float32, then to the type of y: each of the 256 bytes has one value a channel, so the bits are the
// same on every device. x: bytes [pixels, channels]; y: activations of that shape, overwritten whole; no aliasing. The table's key is the
// type of y. channels: 1 (masks) or 3. No derivative: bytes are data.
// Bytes: 1 + sizeof(y) an element. FLOP: 3 of each byte's value, not of each element. Workspace: none.
#pragma once

#include <array>

#include "kernels/runtime/table.h"

namespace purnet::normalise {

struct Problem {
    int64_t pixels = 0;
    int channels = 3;
    double scale = 255;
    std::array<double, 3> mean{}, deviation{1, 1, 1};  // of the first `channels`
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, const Context&) = nullptr;
};

Table<Kernels>& table();
// Error: channels that no twin has.
void check(const Problem&);

}  // namespace purnet::normalise
