// Reductions of a whole buffer, i < count.
//     sum           y = scale sum_i x[i]                    its backward: dx[i] = scale dy
//     squared_norm  y = sum_i x[i]^2
//     all_finite    flag = 1 where no x[i] is an infinity or NaN, else 0
//     add_scalars   y = sum_k values[k], in order
// x, dx: activations; y, dy, values: one parameter each; flag: int32. Sums are taken in float64 over blocks fixed by count: the same
// bits for any number of threads. Bytes: count elements. Workspace: workspace_bytes(count).
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::reduce {

struct Kernels {
    void (*sum)(int64_t count, double scale, const void* x, void* y, void* workspace, const Context&) = nullptr;
    void (*spread)(int64_t count, double scale, const void* dy, void* dx, const Context&) = nullptr;
    void (*squared_norm)(int64_t count, const void* x, void* y, void* workspace, const Context&) = nullptr;
    void (*all_finite)(int64_t count, const void* x, int32_t* flag, void* workspace, const Context&) = nullptr;
    void (*add_scalars)(int64_t count, const void* const* values, void* y, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(int64_t count);

}  // namespace purnet::reduce
