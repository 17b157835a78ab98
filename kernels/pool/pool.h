// Pooling over N,H,W,C with a square window. Output (p, q) covers rows p stride - top .. + kernel - 1, columns alike, cut to the picture;
// padding never wins a maximum and never counts in a mean.
//     maximum     y[n,p,q,c] = max x[n,h,w,c] over the window; NaN wins; of equals the first in row order.
//                 tap[n,p,q,c] = row * kernel + column inside the window where it lay: all that the backward needs
//                 dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows whose tap is (h, w)
//     average     y = mean of x over the window;  dx[n,h,w,c] = sum over windows of dy[n,p,q,c] / (positions of that window)
//     global      y[n,c] = mean of x[n,:,:,c];    dx[n,h,w,c] = dy[n,c] / (H W)
// x, y, dx, dy: activations; tap: uint8. Outputs are overwritten whole; nothing may alias. Every sum has one owner and a fixed order.
// Bytes: x and y (or dy and dx) once, the taps once. FLOPs: kernel^2 an output element.
// Global forward workspace: global_workspace(problem).
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::pool {

struct Problem {
    int64_t n = 1, h = 1, w = 1, c = 1;  // x
    int64_t out_h = 1, out_w = 1;
    int kernel = 2, stride = 2;
    int top = 0, left = 0;  // padding

    int64_t x_count() const { return n * h * w * c; }
    int64_t y_count() const { return n * out_h * out_w * c; }
};

struct GlobalProblem {
    int64_t images = 1, rows = 1, channels = 1;  // rows = H W
};

struct Kernels {
    void (*maximum)(const Problem&, const void* x, void* y, uint8_t* tap, const Context&) = nullptr;  // tap may be null
    void (*maximum_backward)(const Problem&, const uint8_t* tap, const void* dy, void* dx, const Context&) = nullptr;
    void (*average)(const Problem&, const void* x, void* y, const Context&) = nullptr;
    void (*average_backward)(const Problem&, const void* dy, void* dx, const Context&) = nullptr;
    void (*global)(const GlobalProblem&, const void* x, void* y, void* workspace, const Context&) = nullptr;
    void (*global_backward)(const GlobalProblem&, const void* dy, void* dx, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t global_workspace(const GlobalProblem&);

// Throws where the kernel is above 15 (a tap is a byte), or a window would lie wholly in padding.
void check(const Problem&);

}  // namespace purnet::pool
