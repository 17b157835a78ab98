// Resize of feature maps N,H,W,C to N,P,Q,C, without anti-aliasing, and its adjoint.
//     y[n,p,q,c] = sum over a, b in {0,1} of u_a v_b x[n, p_a, q_b, c]
// where row p reads rows p_0 and p_1 = min(p_0 + 1, H - 1) with weights u_0 = 1 - u_1 and u_1, columns alike; with the source coordinate s:
//     half_pixel      s = max((p + 1/2) H / P - 1/2, 0)     p_0 = floor(s), u_1 = s - p_0      (ONNX Resize, half_pixel, edges repeated)
//     align_corners   s = p (H - 1) / (P - 1), 0 where P = 1                                   (ONNX Resize, align_corners)
//     nearest         p_0 = floor((p + 1/2) H / P) in integers, u_1 = 0
//     backward: dx[n,h,w,c] = sum of dy[n,p,q,c] times the weights with which (p, q) read (h, w)
// x, y, dx, dy: activations; overwritten whole; no aliasing. Every sum has one owner and a fixed order. Bytes: x and y once. FLOPs: 8 an
// output element. Workspace: workspace_bytes(problem), for either direction.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::resize {

enum class Mode { bilinear_half_pixel, bilinear_align_corners, nearest };

struct Problem {
    int64_t n = 1, h = 1, w = 1, c = 1;  // x
    int64_t out_h = 1, out_w = 1;
    Mode mode = Mode::bilinear_half_pixel;
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, void* workspace, const Context&) = nullptr;
    void (*backward)(const Problem&, const void* dy, void* dx, void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);

}  // namespace purnet::resize
