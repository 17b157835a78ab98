// Activations, element by element (i < count):
//     relu     y = max(x, 0)                     dx = dy [y > 0]
//     relu6    y = min(max(x, 0), 6)             dx = dy [0 < y < 6]
//     prelu    y = x > 0 ? x : slope x           dx = dy (x > 0 ? 1 : slope),  dslope = sum dy min(x, 0); one slope
//     sigmoid  y = 1 / (1 + e^-x)                dx = dy y (1 - y)
//     tanh     y = tanh x                        dx = dy (1 - y^2)
// x, y, dx, dy: activations, count elements; slope, dslope: one parameter (null but for prelu; dx and dslope may be null).
// The backward reads x for prelu and y for the others (`saved`). y may be x, dx may be dy. NaN passes through.
// Backward workspace: workspace_bytes(problem). Bytes: 2 count (forward), 3 count (backward) elements; 1 to 25 FLOP each.
// The sum of dslope is taken in float64 over blocks fixed by count: the same bits for any number of threads.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet {

enum class Activation { none, relu, relu6, prelu, sigmoid, tanh };

const char* name_of(Activation activation);

namespace activation {

struct Problem {
    Activation function = Activation::relu;
    int64_t count = 0;
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, const void* slope, void* y, const Context&) = nullptr;
    void (*backward)(const Problem&, const void* saved, const void* slope, const void* dy, void* dx, void* dslope, void* workspace,
                     const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);

}  // namespace activation
}  // namespace purnet
