#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::softmax {
PURNET_SIMD(
    // kernels/softmax/columns.h
    void statistics_block(const float* x, int64_t rows, int64_t channels, float* maximum, double* sum, double* total);
    // y = e^(x - maximum) scale
    void scaled_block(const float* x, const float* maximum, const float* scale, int64_t rows, int64_t channels, float* y);
    // dx = y (dy - dot)
    void gradient_block(const float* y, const float* dy, const float* dot, int64_t rows, int64_t channels, float* dx);
    // Softmax of each row, and its backward.
    void rows_forward(const float* x, int64_t rows, int64_t length, float* y);
    void rows_backward(const float* y, const float* dy, int64_t rows, int64_t length, float* dx);)
}
