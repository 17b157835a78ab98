// Convolution by oneDNN on N,H,W,C memory. Weights lie in the library's own layout: they are reordered at each call.
#pragma once

#include <string>

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d::onednn {

// Name of the implementation that oneDNN has for this problem ("jit:avx512_core", ...), or empty where it has only its
// reference loops, which are not worth calling.
std::string implementation(const Problem& problem, Pass pass);
inline bool available(const Problem& problem, Pass pass) { return !implementation(problem, pass).empty(); }
size_t workspace(const Problem& problem, Pass pass);

void forward(const Problem&, const float* x, const float* weight, const float* bias, float* y, void* workspace);
void backward_data(const Problem&, const float* dy, const float* weight, float* dx, void* workspace);
void backward_weights(const Problem&, const float* x, const float* dy, float* dweight, float* dbias, void* workspace);

}  // namespace purnet::conv2d::onednn
