// The weight gradient of a 3x3 convolution of stride 1 with fewer multiplications: the adjoint of winograd.h in its filter.
//
//   dfilter(j, ky, kx, i) = sum over n, p, q of  dout(n, p, q, j) * src(n, p - top + ky*d, q - left + kx*d, i)
//
// is, over the same tiles of m x m outputs (m = 2 or 4) and with the same matrices,
//   dfilter(j, :, :, i) = G^T [ sum over tiles of (A dout tile A^T) * (B^T src tile B) ] G       (* element by element, (m+2)^2 positions)
// so that m^2 outputs cost (m+2)^2 products a channel pair in place of 9 m^2. For every position the sum over tiles is a matrix product of
// (out x tiles) by (tiles x in), taken in blocks of tiles whose transformed values stay in the second caches; its sums lie in memory,
// (m+2)^2 values a channel pair. Outputs outside of the picture are zeros of dout. The fractions of G multiply the small values of dout's
// tiles, not the sums.
//
// Rounding: an element's error is at most
//   g(tiles) u * |G|^T [ sum over tiles of (|A| |dout tile| |A|^T) * (|B|^T |src tile| |B|) ] |G|  up to a small factor for the transforms.
// m = 4 is exact on integers where dout is a multiple of 576, m = 2 of 4.
//
// Threads share tiles to transform them and positions to multiply them. Neither cuts a sum, and blocks depend on the problem alone: results
// do not depend on the number of threads.
#pragma once

#include "kernels/winograd/winograd.h"

namespace purnet::winograd {

size_t filter_gradient_scratch_floats(const Problem& problem);
// src: pictures x in_h x in_w x in, dout: pictures x out_h x out_w x out, dfilter: out x 3 x 3 x in, overwritten. The scratch may hold
// anything. No two overlap.
void filter_gradient(const Problem& problem, const float* src, const float* dout, float* dfilter, float* scratch);

// Estimated time in cycles of one thread, as estimate() is.
double filter_gradient_estimate(const Problem& problem);

}  // namespace purnet::winograd
