// A convolution as cuDNN's graph interface describes it (kernels/runtime/cuda/cudnn.h): sizes in the order picture, channel, row, column,
// and strides that say how they lie, here N,H,W,C and O,kH,kW,I; pads before and after, strides, dilations by rows and columns. The weight
// gradient is float32 whatever x and y are; of bf16 cuDNN 9.19 has no engine that gives it, and is no candidate.
// tests/kernels/conv2d/strided_test.cpp computes by this description, element by element.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/runtime/cuda/cudnn.h"

namespace purnet::conv2d::implicit {

cuda::cudnn::Convolution strided(const Problem& problem, Pass pass, DType type);

}  // namespace purnet::conv2d::implicit
