// Convolution as plain loops over pixels and taps, vectors along the input channels: for the shapes whose channels are too few for
// a matrix product (one-channel heads), and on every processor. No workspace.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d::plain {

void forward(const Problem&, const float* x, const float* weight, const float* bias, float* y);
// bias, where given, is what dx begins with: the transposed convolution's.
void backward_data(const Problem&, const float* dy, const float* weight, const float* bias, float* dx);
void backward_weights(const Problem&, const float* x, const float* dy, float* dweight);
// dbias[o] = sum of dy over its `pixels` rows of o values.
void backward_bias(int64_t pixels, int64_t o, const float* dy, float* dbias);

}  // namespace purnet::conv2d::plain
