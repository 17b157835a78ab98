#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::conv2d {

// What follows the sums: packed.h's epilogue over `rows` rows of `columns` values each. before and after may be null.
struct Ending {
    const float* bias;  // a row's
    const float* before;
    const float* after;
    float slope, top;
};

PURNET_SIMD(
    // y may be sums itself.
    void end_rows(int64_t rows, int64_t columns, const float* sums, const Ending& ending, float* y);
    // to bf16
    void end_rows_halves(int64_t rows, int64_t columns, const float* sums, const Ending& ending, uint16_t* y);)

}  // namespace purnet::conv2d
