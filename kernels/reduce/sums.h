// The block sums of sums_simd.h, for other rooms.
#pragma once

#include <cstdint>

namespace purnet::reduce {

struct Sums {
    void (*channel_sums)(const float* a, const float* b, int64_t rows, int64_t channels, double* sum);
    double (*total)(const float* a, const float* b, int64_t count);
};

// Of the instruction set in use.
Sums sums();

}  // namespace purnet::reduce
