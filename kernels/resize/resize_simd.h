#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::resize {

// How one output of an axis reads its input.
struct Reading {
    int32_t first, second;
    float weight;  // of the second
};

// The outputs of an axis that read one input.
struct Readers {
    int32_t begin, end;
};

PURNET_SIMD(
    // One output row from two input rows (channels fastest).
    void forward_row(const float* top, const float* bottom, float weight, const Reading* columns, int64_t out_w, int64_t channels,
                     float* y);
    // One input row from the output rows rows.begin .. rows.end-1 of `dy`, which is out_w x channels a row.
    void backward_row(const float* dy, const Reading* rows, Readers range, int32_t row, const Reading* columns, const Readers* ranges,
                      int64_t w, int64_t out_w, int64_t channels, float* dx);)

}  // namespace purnet::resize
