// 3x3 convolution of stride 1, dilated ones on the sub-grids of the dilation, and transposed 4x4 convolution of stride 2, with fewer
// multiplications (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//
//   out(n, p, q, j) = sum over ky, kx, i of  filter(j, ky, kx, i) * src(n, p - top + ky*d, q - left + kx*d, i)
//
// is computed for tiles of m x m outputs at distance d from (m+2) x (m+2) inputs at distance d:
//   out tile = A^T [ sum over i of (G filter G^T) * (B^T src tile B) ] A       (* element by element, (m+2)^2 positions)
// so that m^2 outputs cost (m+2)^2 products a channel pair in place of 9 m^2: 4 times fewer for m = 4, 2.25 for m = 2.
// For every position the sum over i is a matrix product of (tiles x in) by (in x out), from packed panels (kernels/gemm).
//
// The transposed one doubles a picture:
//
//   out(n, h, w, j) = sum over ky, kx, i with h + top = 2p + ky, w + left = 2q + kx of  filter(j, ky, kx, i) * src(n, p, q, i)
//
// With h + top = 2u + a, a = 0 or 1, it is four convolutions of 2x2 taps, one for each parity a of rows and b of columns:
//   out(n, 2u + a - top, 2v + b - left, j) = sum over e, f = 0, 1 and i of  filter(j, a + 2 - 2e, b + 2 - 2f, i) * src(n, u - 1 + e, v - 1
//   + f, i)
// They read the same src at the same u and v: tiles of m = 3 such positions share one transformed input of 4 x 4, and the four parities
// are columns of one product. 16 products a channel pair in place of 36.
//
// The interpolation points are 0, 1, -1 (m = 2, 3), and 2, -2 besides (m = 4); m = 4 is exact on integers whose filter is a multiple of
// 576.
//
// Rounding: with |A|, |B|, |G| the absolute matrices, an output's error is at most
//   g(in) u * |A|^T [ sum (|G| |filter| |G|^T) * (|B|^T |src| |B|) ] |A|  up to a small factor for the transforms (tests hold it to that).
//
// Work splits into blocks of tiles (plan_for in winograd.cpp, a pure function). Threads share tiles, or columns of the product where
// tiles are few. No sum is split, so results do not depend on threads.
#pragma once

#include "kernels/gemm/gemm.h"

namespace purnet::winograd {

struct Problem {
    int64_t pictures = 1;
    int64_t in_h = 1, in_w = 1, in = 1;     // source and its channels
    int64_t out_h = 1, out_w = 1, out = 1;  // result and its channels
    int64_t top = 1, left = 1;
    int64_t dilation = 1;
    int64_t tile = 4;  // m: 2 or 4; 3 is the transposed form, without dilation, `out` a multiple of doubling_channels
};

constexpr int64_t doubling_channels = 16;

// Where filter(j, tap, i) lies: weight[j * out_stride + i * in_stride + tap * tap_stride], tap = ky * 3 + kx (of the transposed form
// ky * 4 + kx); `flipped` takes tap 8 - tap.
struct Filters {
    const float* weight;
    int64_t out_stride, in_stride, tap_stride;
    bool flipped = false;
};

size_t packed_floats(const Problem& problem);
void pack(const Problem& problem, const Filters& filters, float* packed);
size_t scratch_floats(const Problem& problem);
// finish's pointers have the layout of the result.
void run(const Problem& problem, const float* src, const float* packed, const gemm::Finish& finish, float* out, float* scratch);

// Estimated time in cycles of one thread, for the choice between methods.
double estimate(const Problem& problem);

}  // namespace purnet::winograd
