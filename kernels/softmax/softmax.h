// Softmax along the middle axis of o < outer, k < length, i < inner:
//     y[o,k,i] = e^(x[o,k,i] - M[o,i]) / sum over k' of e^(x[o,k',i] - M[o,i]),  M = max over k
//     dx = y (dy - sum over k' of dy[o,k',i] y[o,k',i])
// Over space of N,H,W,C: outer N, length H W, inner C; over channels: outer N H W, length C, inner 1.
// x, y, dy, dx: activations. y may be x, dx may be dy. Sums are taken in float64 over blocks fixed by the shape: the same bits for any
// number of threads. Bytes: 3 passes forward (2 reads, 1 write), 5 backward (1 read and 1 write less where inner is 1). About 20 FLOP an
// element. Workspace: workspace_bytes(problem), for either direction.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::softmax {

struct Problem {
    int64_t outer = 1, length = 1, inner = 1;
    int64_t count() const { return outer * length * inner; }
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, void* workspace, const Context&) = nullptr;
    void (*backward)(const Problem&, const void* y, const void* dy, void* dx, void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);

}  // namespace purnet::softmax
