// What a softmax down the columns of a block of rows needs, for other rooms.
#pragma once

#include <cstdint>

namespace purnet::softmax {

// maximum[c], sum[c] of e^(x - maximum), total[c] of x, over rows x channels.
using ColumnStatistics = void (*)(const float* x, int64_t rows, int64_t channels, float* maximum, double* sum, double* total);

// Of the instruction set in use.
ColumnStatistics column_statistics();

}  // namespace purnet::softmax
