// Convolutions from one channel to one on the device, for which a product of matrices has one column: conv2d_single.cu. The decoders
// enlarge their logits so (transposed, kernels 8, 16 and 32).
#pragma once

#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_estimate.h"

namespace purnet::conv2d::implicit::single {

template <class T>
void forward(const Problem& problem, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, const Context& context);
template <class T>
void backward_data(const Problem& problem, const T* dy, const T* weight, const tile::Epilogue<T>& epilogue, T* dx, const Context& context);
template <class T>
void backward_weights(const Problem& problem, const T* x, const T* dy, float* dweight, void* workspace, const Context& context);

size_t weights_workspace(const Problem& problem);

}  // namespace purnet::conv2d::implicit::single
