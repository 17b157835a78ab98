// Concatenation along the last axis: y[r, o_k + c] = part_k[r, c], r < rows, c < widths[k], o_k = widths[0] + ... + widths[k-1].
// Backward: dpart_k[r, c] = dy[r, o_k + c]; null parts are left out. All operands are activations; nothing may alias.
// Bytes: y read or written once, the parts likewise; no arithmetic.
#pragma once

#include <vector>

#include "kernels/runtime/table.h"

namespace purnet::concat_channels {

struct Problem {
    int64_t rows = 0;
    std::vector<int64_t> widths = {};
};

struct Kernels {
    void (*forward)(const Problem&, const void* const* parts, void* y, const Context&) = nullptr;
    void (*backward)(const Problem&, const void* dy, void* const* dparts, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::concat_channels
