// Which pixels and taps meet: the geometry of a convolution's directions as sums over affine functions of indices.
//
// Forward and data gradient are one thing: a correlation over a picture,
//     result(place) = sum over taps j of  weight(tap j) * source(place * scale + origin + j * step),
// along each of the two axes, zero outside the source. Forward: places are output pixels, scale is the stride. Data gradient:
// input pixel h is met by tap ky only where h + pad - ky d is a multiple of the stride s, so the pixels fall into s phases h mod s
// along each axis. Within a phase the same taps ky0, ky0 + e, ky0 + 2 e, ... meet every pixel, e = s / gcd(s, d), and the source
// place moves by one from pixel to pixel: a correlation without a stride, with no multiplication by an inserted zero. A phase
// that no tap meets has an empty sum: its pixels become zero.
//
// Weight gradients sum over the pixels of the same geometry as the forward.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace purnet::conv2d::implicit {

// A Problem in 32 bits, for kernels.
struct Problem32 {
    int n, h, w, c, o, kh, kw, out_h, out_w, stride, top, left, dilation, groups;
};

// One axis of a correlation.
struct Axis {
    int places = 0;             // of the result
    int scale = 1, origin = 0;  // place i and tap j meet source place i scale + origin + j step
    int taps = 0, step = 1;
    int tap = 0, tap_step = 1;   // tap j is number tap + j tap_step of the kernel
    int out = 0, out_scale = 1;  // place i lies at i out_scale + out in the result's picture
};

__host__ __device__ inline Axis forward_axis(int out_size, int kernel, int stride, int pad, int dilation) {
    return {out_size, stride, -pad, kernel, dilation, 0, 1, 0, 1};
}

// Input pixels phase, phase + stride, ... of `size`, and the taps that meet them. With h = i s + phase and phase + pad = a s + r:
// tap ky meets where ky d mod s = r, at source place i + a - (ky d - r) / s.
__host__ __device__ inline Axis phase_axis(int phase, int size, int kernel, int stride, int pad, int dilation) {
    int common = stride, other = dilation;
    while (other) {
        const int rest = common % other;
        common = other;
        other = rest;
    }
    Axis axis;
    axis.places = (size - phase + stride - 1) / stride;  // 0 where the phase begins beyond the last: phase < stride
    axis.out = phase;
    axis.out_scale = stride;
    axis.tap_step = stride / common;
    axis.step = -(dilation / common);
    const int rest = (phase + pad) % stride;
    while (axis.tap < kernel && axis.tap * dilation % stride != rest) ++axis.tap;
    if (axis.tap == kernel) return axis;  // no tap meets this phase
    axis.taps = (kernel - 1 - axis.tap) / axis.tap_step + 1;
    axis.origin = (phase + pad) / stride - (axis.tap * dilation - rest) / stride;
    return axis;
}

struct View {
    Axis y, x;
    int h = 0, w = 0;        // the source picture
    int pixel = 0;           // elements from one source pixel to the next: all channels
    int channels = 0;        // of the sum: those of one group
    int kernel_columns = 0;  // kW

    __host__ __device__ int depth() const { return y.taps * x.taps * channels; }
    __host__ __device__ int64_t places(int images) const { return static_cast<int64_t>(images) * y.places * x.places; }
    __host__ __device__ int tap(int jy, int jx) const { return (y.tap + jy * y.tap_step) * kernel_columns + x.tap + jx * x.tap_step; }
};

}  // namespace purnet::conv2d::implicit
