// Depthwise convolution (groups == C == O), vectors along the channels.
//
// Forward and data gradient are rows of out(q, c) = sum over taps t of w_t(c) * src_t(q * in_step, c), 8 pixels of one vector of
// channels at a time: 8 accumulators, one load of the weight for 8 products whose other operand comes from memory, which keeps both
// the load and the multiply ports busy. The data gradient of a strided one goes by phases, as in conv2d_gemm.h.
// The weight gradient keeps one accumulator a tap in registers along a row; rows are summed in 16 fixed parts, and these in order,
// so that results do not depend on the number of threads.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/gemm.h"

namespace purnet::conv2d::depthwise {

// Weights tap by tap: kh * kw rows of C.
size_t packed_floats(const Problem& problem);
void pack(const Problem& problem, const float* weight, float* packed);

// pass: forward (src x, out y) or backward_data (src dy, out dx). finish's pointers have the layout of out.
void run(const Problem& problem, Pass pass, const float* src, const float* packed, const gemm::Finish& finish, float* out);

size_t backward_weights_scratch_floats(const Problem& problem);
void backward_weights(const Problem& problem, const float* x, const float* dy, float* dweight, float* scratch);

}  // namespace purnet::conv2d::depthwise
