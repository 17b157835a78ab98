// y[n,o] = bias[o] + sum over i of x[n,i] * weight[o,i]
//   backward_data:     dx[n,i]      = sum over o of dy[n,o] * weight[o,i]
//   backward_weights:  dweight[o,i] = sum over n of dy[n,o] * x[n,i],  dbias[o] = sum over n of dy[n,o]
// Shapes: x N,I; weight O,I; bias O; y N,O. Element types, aliasing, workspace, null operands: as in
// kernels/conv2d/conv2d.h, of which this is the 1x1 case over N pixels. FLOPs of each direction: 2 N I O.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::linear {

struct Problem {
    int64_t n = 1, i = 1, o = 1;
    bool operator==(const Problem&) const = default;
};

using conv2d::Pass;

struct Kernels {
    void (*forward)(const Problem&, const void* x, const void* weight, const void* bias, void* y, void* workspace,
                    const Context&) = nullptr;
    void (*backward_data)(const Problem&, const void* dy, const void* weight, void* dx, void* workspace, const Context&) = nullptr;
    void (*backward_weights)(const Problem&, const void* x, const void* dy, void* dweight, void* dbias, void* workspace,
                             const Context&) = nullptr;
    size_t (*workspace)(const Problem&, Pass) = nullptr;
};

Table<Kernels>& table();
size_t workspace(Key key, const Problem& problem, Pass pass);

}  // namespace purnet::linear
