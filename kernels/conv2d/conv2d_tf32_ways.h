// The ways of float32 on tensor cores (conv2d_tf32.h), for where TF32 is allowed, and their launch.
#pragma once

#include <vector>

#include "kernels/conv2d/conv2d_launch.h"

namespace purnet::conv2d::implicit::tf32 {

// "tf32 128x128" and "tf32 64x64", the estimate's first; none where channels, those of one group, are no multiples of 4.
void add_ways(std::vector<Way>& list, const Problem& problem, Pass pass);

// A Correlation, of one or merged, the GradientWithSums or the WeightGradient, of float, whose operands are aligned.
template <class Product>
void launch(const Way& way, const Product& product, void* workspace, cudaStream_t stream);

}  // namespace purnet::conv2d::implicit::tf32
