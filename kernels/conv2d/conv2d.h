// Two-dimensional convolution (cross-correlation, as every framework of the field means it) over N,H,W,C.
//
//   y[n,p,q,o] = bias[o] + sum over ky,kx,i of  weight[o,ky,kx,i] * x[n, p*s - top + ky*d, q*s - left + kx*d, g*I + i]
//       g = o / (O/groups), I = C/groups, i < I;   x outside its H x W is 0
//   forward_moments:   y, and moments of its rows (n,p,q): kernels/batch_norm/moments.h; of problems that has_moments()
//   backward_data:     dx[n,h,w,g*I+i]    = sum over o of group g, (p,ky), (q,kx) that meet (h,w) of  weight[o,ky,kx,i] * dy[n,p,q,o]
//   backward_data_sums: dx, and over it the sums of the backward of the batch norm that made x: kernels/batch_norm/gradient_sums.h; of
//                      problems that has_gradient_sums()
//   backward_weights:  dweight[o,ky,kx,i] = sum over n,p,q of dy[n,p,q,o] * x[n, p*s - top + ky*d, q*s - left + kx*d, g*I + i]
//                      dbias[o]           = sum over n,p,q of dy[n,p,q,o]
//
// Shapes: x N,H,W,C; weight O,kH,kW,C/groups; bias O; y N,P,Q,O with P = (H + top + bottom - (kH-1)*d - 1) / s + 1 rounded
// down, Q likewise. Everything contiguous. Element types: those of the table's key; bias, dweight, dbias have the parameter
// type of the key.
// All outputs are overwritten; nothing may alias. bias may be null, and so may dweight or dbias where it is not wanted. `workspace` has
// workspace(problem, pass) bytes (a pure function for one instruction set and thread count), 64-byte aligned, contents arbitrary before and
// after. FLOPs of each direction: 2 N P Q O kH kW C/groups. Bytes: each operand once. Results are the same in every run with the same
// thread count and instruction set. Errors: check() names what is wrong with a Problem. Where x is not finite, results of CUDA in bf16 may
// be NaN a pixel beside the windows that hold it (conv2d_runs.h).
#pragma once

#include <memory>

#include "kernels/batch_norm/gradient_sums.h"
#include "kernels/conv2d/packed.h"
#include "kernels/runtime/table.h"

namespace purnet::conv2d {

struct Pads {
    int top = 0, left = 0, bottom = 0, right = 0;
    bool operator==(const Pads&) const = default;
};

struct Problem {
    int64_t n = 1, h = 1, w = 1, c = 1;  // x
    int64_t o = 1, kh = 1, kw = 1;       // weight
    int stride = 1;
    Pads pads = {};
    int dilation = 1;
    int groups = 1;

    int64_t out_h() const { return (h + pads.top + pads.bottom - (kh - 1) * dilation - 1) / stride + 1; }
    int64_t out_w() const { return (w + pads.left + pads.right - (kw - 1) * dilation - 1) / stride + 1; }
    int64_t x_count() const { return n * h * w * c; }
    int64_t y_count() const { return n * out_h() * out_w() * o; }
    int64_t weight_count() const { return o * kh * kw * (c / groups); }
    double flops() const { return 2.0 * static_cast<double>(y_count()) * static_cast<double>(kh * kw * (c / groups)); }
    bool depthwise() const { return groups == c && groups == o && groups > 1; }
    // One group, and a product of matrices: not from one channel to one.
    bool has_moments() const { return groups == 1 && (c > 1 || o > 1); }
    // Likewise, and dx is one product, not one for each phase of a stride.
    bool has_gradient_sums() const { return has_moments() && stride == 1; }
    bool operator==(const Problem&) const = default;
};

// Throws Error where sizes are not positive, groups do not divide the channels, or the kernel does not fit into the padded input.
void check(const Problem& problem);
// Throw where it has not what they are named for.
void require_moments(const Problem& problem);
void require_gradient_sums(const Problem& problem);

enum class Pass { forward, backward_data, backward_weights };

struct Kernels {
    void (*forward)(const Problem&, const void* x, const void* weight, const void* bias, void* y, void* workspace,
                    const Context&) = nullptr;
    // moments: parameters, {3, moment_parts(N P Q), O}.
    void (*forward_moments)(const Problem&, const void* x, const void* weight, const void* bias, void* y, void* moments, void* workspace,
                            const Context&) = nullptr;
    // Whether that costs less than a pass over y would; null: never.
    bool (*gives_moments)(const Problem&, bool bias) = nullptr;
    void (*backward_data)(const Problem&, const void* dy, const void* weight, void* dx, void* workspace, const Context&) = nullptr;
    // sums: parameters, {3, moment_parts(N H W), C}. dx is not norm.x; workspace: of backward_data. Bytes: x and sums besides.
    void (*backward_data_sums)(const Problem&, const void* dy, const void* weight, const batch_norm::NormOperands& norm, void* dx,
                               void* sums, void* workspace, const Context&) = nullptr;
    // Whether that costs less than a pass over dx would; null: never.
    bool (*gives_gradient_sums)(const Problem&) = nullptr;
    void (*backward_weights)(const Problem&, const void* x, const void* dy, void* dweight, void* dbias, void* workspace,
                             const Context&) = nullptr;
    size_t (*workspace)(const Problem&, Pass) = nullptr;  // null: none is needed
    // For inference: packed.h. weight and bias are float32 in the host's memory, whatever the key; bias may be null.
    std::unique_ptr<PackedConv> (*pack)(const Problem&, const Epilogue&, const void* weight, const void* bias, const Context&) = nullptr;
};

Table<Kernels>& table();

// Bytes of workspace that the twin of `key` asks for.
size_t workspace(Key key, const Problem& problem, Pass pass);

}  // namespace purnet::conv2d
