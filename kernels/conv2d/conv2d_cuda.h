// What the CUDA twins of convolution, transposed convolution and linear share. Each function is one direction of conv2d.h on
// the device, in the way that is given or, by null, in the one that way_of() says; `workspace` has workspace<T>(problem, pass, way) bytes.
#pragma once

#include <span>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_merged.h"
#include "kernels/conv2d/conv2d_ways.h"

namespace purnet::conv2d::implicit {

template <class T>
size_t workspace(const Problem& problem, Pass pass, const Way* way = nullptr);

template <class T>
void forward(const Problem& problem, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, void* workspace,
             const Context& context, const Way* way = nullptr);

// The epilogue is for the forward of transposed convolutions, which this is.
template <class T>
void backward_data(const Problem& problem, const T* dy, const T* weight, const tile::Epilogue<T>& epilogue, T* dx, void* workspace,
                   const Context& context, const Way* way = nullptr);

// pass: forward or backward_data. problem: of the first. Sources and weights begin aligned to 16 bytes; an Error where they do not, or
// where channels that lie along weights (of backward_data those that are written) are not multiples of the same of 8, 4 and 1. workspace:
// of way.grid.times(their number).
template <class T>
void convolve_merged(const Problem& problem, Pass pass, std::span<const Member<T>> members, void* workspace, const Context& context,
                     const Way& way);

// Either result may be null.
template <class T>
void backward_weights(const Problem& problem, const T* x, const T* dy, float* dweight, float* dbias, void* workspace,
                      const Context& context, const Way* way = nullptr);

// dbias[c] = sum over `rows` of dy[r,c]; workspace of bias_workspace bytes.
size_t bias_workspace(int64_t rows, int64_t channels);
template <class T>
void backward_bias(int64_t rows, int64_t channels, const T* dy, float* dbias, void* workspace, const Context& context);

// One of the two for inference: packed.h. weight and bias are float32 in the host's memory, whatever T is; bias may be null.
template <class T>
std::unique_ptr<PackedConv> make_packed(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight, const float* bias,
                                        const Context& context);

}  // namespace purnet::conv2d::implicit
