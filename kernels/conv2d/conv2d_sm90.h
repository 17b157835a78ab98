// Which convolutions in bf16 the kernels for sm_90a (conv2d_wgmma.h) take from those for sm_80, and their launch.
#pragma once

#include "kernels/conv2d/conv2d_launch.h"

namespace purnet::conv2d::implicit::sm90 {

// Whether the current device is one of compute capability 9.0 and this build has code for sm_90a. PURNET_SM90=0: no, to compare.
bool device_can();

// A Correlation, of one or merged, the GradientWithSums or the WeightGradient, of bf16.
template <class Product>
void launch(const Problem& problem, const Plan& plan, const Product& product, void* workspace, cudaStream_t stream);

}  // namespace purnet::conv2d::implicit::sm90
