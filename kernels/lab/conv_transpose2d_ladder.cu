// Transposed convolution, forward: y[n,p,q,o] = bias[o] + sum of weight[c,ky,kx,o] x[n,i,j,c] over i s + ky = p + crop_top and
// j s + kx = q + crop_left. Read as a scatter (each x adds kh kw O products to y), threads would have to add atomically, in an order
// that changes from run to run; every rung here gathers instead: who writes y[n,p,q,o] alone adds its sum, in one fixed order.
// A kernel of 4 x 4 with stride 2 has 16 taps, of which 4 meet each pixel of y: 2 N P Q O (kh kw / s^2) C FLOP are needed.
#include <climits>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/lab/lab.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/vector.h"

namespace purnet::lab {
namespace {

using conv_transpose2d::Problem;
using tile::Pack;

struct Sizes {
    int n, h, w, c, o, kh, kw, stride, top, left, out_h, out_w;
};

// y as a line of threads: channels fastest, so that neighbouring lanes share a pixel of x and stand side by side in weight and y.
struct Target {
    int64_t pixel;  // (n P + p) Q + q
    int n, p, q, o;

    __device__ __forceinline__ Target(const Sizes& s, int64_t at)
        : pixel(at / s.o),
          n(static_cast<int>(pixel / s.out_w / s.out_h)),
          p(static_cast<int>(pixel / s.out_w % s.out_h)),
          q(static_cast<int>(pixel % s.out_w)),
          o(static_cast<int>(at % s.o)) {}
};

// The sum over the channels of one tap: x the same for all lanes of a pixel (one sector), weight side by side.
__device__ __forceinline__ float tap_sum(const Sizes& s, const float* x, const float* weight, int n, int i, int j, int ky, int kx, int o,
                                         float sum) {
    const int64_t from = ((static_cast<int64_t>(n) * s.h + i) * s.w + j) * s.c;
    for (int c = 0; c < s.c; ++c) sum = fmaf(weight[((static_cast<int64_t>(c) * s.kh + ky) * s.kw + kx) * s.o + o], x[from + c], sum);
    return sum;
}

// One thread an element of y, over all kh kw taps, as over a picture with zeros between the pixels of x: a test finds out which taps
// meet a pixel. For 4 x 4 with stride 2, 12 of 16 tests end with nothing. Two loads a multiplication.
__global__ void __launch_bounds__(256) taps_kernel(Sizes s, const float* x, const float* weight, const float* bias, float* y) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= static_cast<int64_t>(s.n) * s.out_h * s.out_w * s.o) return;
    const Target to(s, at);
    float sum = bias ? bias[to.o] : 0.0f;
    for (int ky = 0; ky < s.kh; ++ky)
        for (int kx = 0; kx < s.kw; ++kx) {
            const int row = to.p + s.top - ky, column = to.q + s.left - kx;
            if (row < 0 || column < 0 || row % s.stride != 0 || column % s.stride != 0) continue;
            const int i = row / s.stride, j = column / s.stride;
            if (i < s.h && j < s.w) sum = tap_sum(s, x, weight, to.n, i, j, ky, kx, to.o, sum);
        }
    y[at] = sum;
}

// The same thread goes only to the taps of its phase: ky = (p + crop_top) mod s, + s, ...: a quarter of the steps for 4 x 4 with
// stride 2. Nothing is tested but the border. The memory traffic is that of the first rung.
__global__ void __launch_bounds__(256) phases_kernel(Sizes s, const float* x, const float* weight, const float* bias, float* y) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= static_cast<int64_t>(s.n) * s.out_h * s.out_w * s.o) return;
    const Target to(s, at);
    const int row = to.p + s.top, column = to.q + s.left;
    float sum = bias ? bias[to.o] : 0.0f;
    for (int ky = row % s.stride, i = row / s.stride; ky < s.kh && i >= 0; ky += s.stride, --i)
        for (int kx = column % s.stride, j = column / s.stride; kx < s.kw && j >= 0; kx += s.stride, --j)
            if (i < s.h && j < s.w) sum = tap_sum(s, x, weight, to.n, i, j, ky, kx, to.o, sum);
    y[at] = sum;
}

// A thread owns 4 pixels of one phase in a row (q, q + s, q + 2 s, q + 3 s), which meet the same taps at neighbouring x, by V channels,
// all in registers: for each term one load of V weights and 4 of x serve 4 V multiplications. Threads: V channels fastest, then
// phases of a row, then fours of pixels. V = 4 where channels and pointers allow vectors of 16 bytes, else 1.
template <int V>
__global__ void __launch_bounds__(128) patches_kernel(Sizes s, const float* x, const float* weight, const float* bias, float* y) {
    const int vectors = s.o / V, span = 4 * s.stride, patches = (s.out_w + span - 1) / span * s.stride;
    const int64_t at = static_cast<int64_t>(blockIdx.x) * 128 + threadIdx.x;
    if (at >= static_cast<int64_t>(s.n) * s.out_h * patches * vectors) return;
    const int o = static_cast<int>(at % vectors) * V, patch = static_cast<int>(at / vectors % patches);
    const int64_t line = at / vectors / patches;  // n P + p
    const int n = static_cast<int>(line / s.out_h), row = static_cast<int>(line % s.out_h) + s.top;
    const int q0 = patch / s.stride * span + patch % s.stride, column = q0 + s.left;
    float sum[4][V] = {};
    for (int ky = row % s.stride, i = row / s.stride; ky < s.kh && i >= 0; ky += s.stride, --i) {
        if (i >= s.h) continue;
        for (int kx = column % s.stride, j = column / s.stride; kx < s.kw; kx += s.stride, --j) {
            bool inside[4];
#pragma unroll
            for (int t = 0; t < 4; ++t) inside[t] = j + t >= 0 && j + t < s.w;
            const int64_t from = ((static_cast<int64_t>(n) * s.h + i) * s.w + j) * s.c;
            for (int c = 0; c < s.c; ++c) {
                const Pack<V> w = tile::load<V>(weight + ((static_cast<int64_t>(c) * s.kh + ky) * s.kw + kx) * s.o + o);
#pragma unroll
                for (int t = 0; t < 4; ++t) {
                    if (!inside[t]) continue;
                    const float value = x[from + t * s.c + c];
#pragma unroll
                    for (int e = 0; e < V; ++e) sum[t][e] = fmaf(w[e], value, sum[t][e]);
                }
            }
        }
    }
#pragma unroll
    for (int t = 0; t < 4; ++t) {
        const int q = q0 + t * s.stride;
        if (q >= s.out_w) continue;
        Pack<V> v;
#pragma unroll
        for (int e = 0; e < V; ++e) v[e] = sum[t][e] + (bias ? bias[o + e] : 0.0f);
        tile::store(y + (line * s.out_w + q) * s.o + o, v);
    }
}

using Kernel = void (*)(Sizes, const float*, const float*, const float*, float*);

Sizes sizes_of(const Problem& p) {
    conv_transpose2d::check(p);
    require(p.x_count() < INT_MAX && p.y_count() < INT_MAX && p.weight_count() < INT_MAX,
            "lab conv_transpose2d: a picture is too large for one launch");
    const auto i = [](int64_t v) { return static_cast<int>(v); };
    return {i(p.n), i(p.h), i(p.w), i(p.c), i(p.o), i(p.kh), i(p.kw), p.stride, p.crop_top, p.crop_left, i(p.out_h), i(p.out_w)};
}

std::string describe(const Problem& p) {
    return concat(p.n, "x", p.h, "x", p.w, "x", p.c, " to ", p.out_h, "x", p.out_w, "x", p.o, ", kernel ", p.kh, "x", p.kw);
}

template <Kernel Function>
void forward(const Problem& p, const float* x, const float* weight, const float* bias, float* y, void*, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("lab conv_transpose2d forward", text);
    const Sizes s = sizes_of(p);
    cuda::launch(Function, cuda::blocks_for(p.y_count(), 256), 256, 0, cuda::stream_of(context), s, x, weight, bias, y);
}

void forward_by_patches(const Problem& p, const float* x, const float* weight, const float* bias, float* y, void*, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("lab conv_transpose2d forward", text);
    const Sizes s = sizes_of(p);
    const bool vectors = p.o % 4 == 0 && tile::aligned_16(weight, y);
    const int64_t span = 4 * p.stride, threads = p.n * p.out_h * ((p.out_w + span - 1) / span * p.stride) * (p.o / (vectors ? 4 : 1));
    cuda::launch(vectors ? patches_kernel<4> : patches_kernel<1>, cuda::blocks_for(threads, 128), 128, 0, cuda::stream_of(context), s, x,
                 weight, bias, y);
}

template <auto Forward>
Rung transpose_rung(const char* name, const char* idea) {
    return rung<conv_transpose2d::Kernels>(name, idea, conv_transpose2d::table(),
                                           [](DType) { return conv_transpose2d::Kernels{.forward = erase<Forward>}; });
}

const bool added = add({.op = "conv_transpose2d",
                        .directions = {"forward"},
                        .types = {DType::f32},
                        .rungs = {transpose_rung<forward<taps_kernel>>("taps", "a thread an element, every tap tested"),
                                  transpose_rung<forward<phases_kernel>>("phases", "only the taps that meet"),
                                  transpose_rung<forward_by_patches>("patches", "4 pixels of a phase by 4 channels a thread"),
                                  product("each phase a product of tiles in shared memory")}});

}  // namespace
}  // namespace purnet::lab
