// Weight gradient of a convolution as a matrix product over pixels:
//
//   dweight(o, tap, c) = sum over pixels of dy(pixel, o) * x(pixel at tap, c)
//
// M = o, N = (tap, c) in panels of one register tile's width, K = pixels in blocks that keep a panel and a tile of dy in the first
// cache. A block of dy is packed into tiles once; x is gathered into one panel at a time.
// Threads share N and, where it is short, M; the sum over pixels is not split, so results do not depend on the number of threads.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d::wgrad {

size_t scratch_floats(const Problem& problem);
void run(const Problem& problem, const float* x, const float* dy, float* dweight, float* scratch);

}  // namespace purnet::conv2d::wgrad
