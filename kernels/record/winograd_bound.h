// The rounding of Winograd's algorithm (kernels/winograd/winograd.h) in float64, for the records of convolutions: for every output
//     S = |A|^T [ sum over channels of (|G| |filter| |G|^T) * (|B|^T |source| |B|) ] |A|
// Both sides take absolute values.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/conv2d/conv2d.h"

namespace purnet::record {

// A correlation of stride 1: out(n, p, q, j) = sum over ky, kx, i of filter(j, ky, kx, i) * source(n, p - top + ky d, q - left + kx d, i).
struct Correlation {
    int64_t n, in_h, in_w, in, out_h, out_w, out, top, left, d;
};

// filter(j, tap, i) with tap = ky * 3 + kx for tiles of 2 x 2 and 4 x 4 outputs, ky * 2 + kx for tiles of 3 x 3. put() is called once for
// every output.
void winograd_bound(const Correlation& s, int64_t tile, const double* source,
                    const std::function<double(int64_t j, int64_t tap, int64_t i)>& filter,
                    const std::function<void(int64_t n, int64_t p, int64_t q, int64_t j, double s)>& put);

// A transposed convolution of 4 x 4 kernels and stride 2, computed as winograd.h says:
//     out(n, h, w, j) = sum over ky, kx, i with h + top = 2p + ky, w + left = 2q + kx of  filter(j, ky * 4 + kx, i) * source(n, p, q, i)
struct Doubling {
    int64_t n, in_h, in_w, in, out_h, out_w, out, top, left;
};

void winograd_bound(const Doubling& s, const double* source, const std::function<double(int64_t j, int64_t tap, int64_t i)>& filter,
                    double* result);

// Of a pass that the CPU computes so: result as the pass lays it out. `source` is x or dy, `weight` the weight; of a weight gradient x and
// dy (kernels/winograd/winograd_wgrad.h has its formula). False, and nothing done, where it does not.
bool winograd_bound(const conv2d::Problem& problem, conv2d::Pass pass, const double* source, const double* weight, double* result);

}  // namespace purnet::record
