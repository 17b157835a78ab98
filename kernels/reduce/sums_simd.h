// Sums of blocks in float64, for every op that reduces over rows or elements.
#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::reduce {
PURNET_SIMD(
    // sum[c] = sum over rows of a[r,c], times b[r,c] where b is given.
    void channel_sums(const float* a, const float* b, int64_t rows, int64_t channels, double* sum);
    // Sum over i of a[i], times b[i] where b is given.
    double total(const float* a, const float* b, int64_t count);
    // Whether no element is an infinity or a NaN.
    bool all_finite(const float* x, int64_t count);)
}
