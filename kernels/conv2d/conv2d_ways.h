// The ways in which CUDA devices compute a pass of a convolution: a kernel with its tile, and in how many parts the sums are. Which one
// is taken: the estimate's, a pure function of the problem, or what kernels/runtime/choices.h knows or measures. Each of them gives the
// same bits in every run (conv2d_split.h); two of them differ by rounding.
#pragma once

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_grid.h"

namespace purnet::conv2d::implicit {

struct Way {
    int groups = 0, columns = 64;  // of WgmmaTile (conv2d_wgmma.h); groups 0: the kernel for every device, tiles of 64 x 64
    Grid grid = {};
    std::string name = "depthwise";  // "wgmma 128x64 in 2 parts": for people, and what choices call it
};

// The first is the estimate's. Depthwise convolutions have one.
template <class T>
std::vector<Way> ways(const Problem& problem, Pass pass);

// The one that is taken. Where measuring is on (choices::measure) and the problem is a new one, every way is run.
template <class T>
Way way_of(const Problem& problem, Pass pass);

// By events on the device, buffers of its own.
template <class T>
double least_milliseconds(const Problem& problem, Pass pass, const Way& way);

}  // namespace purnet::conv2d::implicit
