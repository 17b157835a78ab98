// Rectification (PurNet, equations 6 and 12): y[i] = x[i] tanh(e[i]) + x[i], i < count.
// Backward: dx = dy (1 + tanh e),  de = dy x (1 - tanh^2 e), the latter relatively exact where tanh e is near +-1.
// All operands are activations. y may be x or e; dx or de may be dy, not both; either may be null.
// Bytes: 3 count forward, 5 count backward elements; about 25 FLOP each.
#pragma once

#include "kernels/runtime/table.h"

namespace purnet::rectify {

struct Kernels {
    void (*forward)(int64_t count, const void* x, const void* e, void* y, const Context&) = nullptr;
    void (*backward)(int64_t count, const void* x, const void* e, const void* dy, void* dx, void* de, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::rectify
