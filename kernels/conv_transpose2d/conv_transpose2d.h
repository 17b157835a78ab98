// Transposed convolution over N,H,W,C, cut to a window: the data gradient of a convolution, used as a layer that enlarges.
//
//   y[n,p,q,o] = bias[o] + sum over i,j,ky,kx,c with i*s + ky = p + crop_top, j*s + kx = q + crop_left of
//                weight[c,ky,kx,o] * x[n,i,j,c]
//   backward_data:     dx[n,i,j,c]       = sum over ky,kx,o of weight[c,ky,kx,o] * dy[n, i*s + ky - crop_top, j*s + kx - crop_left, o]
//   backward_weights:  dweight[c,ky,kx,o] = sum over n,i,j of x[n,i,j,c] * dy[n, i*s + ky - crop_top, j*s + kx - crop_left, o]
//                      dbias[o]           = sum over n,p,q of dy[n,p,q,o]
//
// Shapes: x N,H,W,C; weight C,kH,kW,O; bias O; y N,P,Q,O. The whole result is ((H-1)*s + kH) x ((W-1)*s + kW); the window
// P x Q begins at row crop_top, column crop_left of it and lies inside. Nothing outside the window is computed.
// Element types, aliasing, workspace, null operands: as in kernels/conv2d/conv2d.h. FLOPs: 2 N H W C kH kW O, those of taps
// that fall outside the window counted.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv_transpose2d {

struct Problem {
    int64_t n = 1, h = 1, w = 1, c = 1;  // x
    int64_t o = 1, kh = 1, kw = 1;
    int stride = 1;
    int crop_top = 0, crop_left = 0;
    int64_t out_h = 1, out_w = 1;

    int64_t full_h() const { return (h - 1) * stride + kh; }
    int64_t full_w() const { return (w - 1) * stride + kw; }
    int64_t x_count() const { return n * h * w * c; }
    int64_t y_count() const { return n * out_h * out_w * o; }
    int64_t weight_count() const { return c * kh * kw * o; }
    double flops() const { return 2.0 * static_cast<double>(x_count()) * static_cast<double>(kh * kw * o); }
    bool operator==(const Problem&) const = default;
};

// Throws Error where sizes are not positive or the window leaves the result.
void check(const Problem& problem);

// The convolution whose data gradient this is: from N,P,Q,O to N,H,W,C, weight C,kH,kW,O.
conv2d::Problem adjoint(const Problem& problem);

using conv2d::Pass;

struct Kernels {
    void (*forward)(const Problem&, const void* x, const void* weight, const void* bias, void* y, void* workspace,
                    const Context&) = nullptr;
    void (*backward_data)(const Problem&, const void* dy, const void* weight, void* dx, void* workspace, const Context&) = nullptr;
    void (*backward_weights)(const Problem&, const void* x, const void* dy, void* dweight, void* dbias, void* workspace,
                             const Context&) = nullptr;
    size_t (*workspace)(const Problem&, Pass) = nullptr;
    // For inference: kernels/conv2d/packed.h. weight and bias are float32 in the host's memory, whatever the key; bias may be null.
    std::unique_ptr<conv2d::PackedConv> (*pack)(const Problem&, const conv2d::Epilogue&, const void* weight, const void* bias,
                                                const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace(Key key, const Problem& problem, Pass pass);

}  // namespace purnet::conv_transpose2d
