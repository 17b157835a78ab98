// Float32 to bf16 storage: y[i] = x[i] rounded to the nearest bf16, ties to even, i < count. NaN stays NaN, what is beyond the largest bf16
// by half a step or more becomes infinite, denormals stay.
// The table's key: bf16, the type of y; x is float32. Bytes: 6 of an element. FLOP: none.
#pragma once

#include "kernels/runtime/table.h"

namespace purnet::round_bf16 {

struct Problem {
    int64_t count = 0;
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::round_bf16
