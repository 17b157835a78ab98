// Depthwise convolution (one filter a channel), vectors along the channels: every tap is a product of two neighbouring runs of
// memory. The weights, [c][ky][kx] in the contract, are turned to [ky][kx][c] first (a few kilobytes). Weight gradients are summed
// in blocks of rows that the shape alone fixes, then over the blocks in order: the same bits for any number of threads.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d::depthwise {

void forward(const Problem&, const float* x, const float* weight, const float* bias, float* y);
void backward_data(const Problem&, const float* dy, const float* weight, const float* bias, float* dx);
void backward_weights(const Problem&, const float* x, const float* dy, float* dweight);

}  // namespace purnet::conv2d::depthwise
