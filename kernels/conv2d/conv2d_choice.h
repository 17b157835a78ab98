// Which method a packed convolution takes on this CPU: by method_for()'s estimate, or by measurement where that was asked for
// (kernels/runtime/choices.h). Training on the CPU is not affected. CUDA's ways are conv2d_ways.h's.
#pragma once

#include "kernels/conv2d/conv2d_methods.h"

namespace purnet::conv2d {

// Never Method::library. Not while kernels run, when it measures.
Method packed_method(const Problem& problem, Pass pass);

}  // namespace purnet::conv2d
