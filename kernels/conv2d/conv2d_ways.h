// The ways in which CUDA devices compute a pass of a convolution: a kernel with its tile, and in how many parts the sums are. Which one
// is taken: the estimate's, a pure function of the problem, or what kernels/runtime/choices.h knows or measures. Each of them gives the
// same bits in every run (conv2d_split.h); two of them differ by rounding.
//
// Where something is known or measured, NVIDIA's libraries are asked too (conv2d_libraries.h), under a key of its own: "own", the best of
// our ways, against each of them. They compute the sum alone, so they are candidates where nothing follows it: gradients, and forwards
// whose bias, activation and sums are other ops' business, as in training. A call with an epilogue takes the best of our own ways.
#pragma once

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_grid.h"
#include "kernels/conv2d/conv2d_libraries.h"

namespace purnet::conv2d::implicit {

struct Way {
    int groups = 0;  // of WgmmaTile (conv2d_wgmma.h), its tile 64 groups high; 0: a kernel for every device
    TileSize tile = {};
    Grid grid = {};
    std::string name = "depthwise";   // "wgmma 128x64 in 2 parts": for people, and what choices call it
    Library library = Library::none;  // that is asked first; the rest then says what is taken where it can't be
    bool tf32 = false;                // float32 operands on tensor cores
};

// Our own. The first is the estimate's. Depthwise convolutions have one,
// and so have those from one channel to one.
template <class T>
std::vector<Way> ways(const Problem& problem, Pass pass);

// The one that is taken. Where measuring is on (choices::measure) and the problem is a new one, every way is run. sum_alone: nothing
// follows the sum.
template <class T>
Way way_of(const Problem& problem, Pass pass, bool sum_alone = true);

// Of several convolutions in one launch: the way of as_one() (conv2d_estimate.h), with the grid of one of them.
template <class T>
Way way_of_merged(const Problem& widest, Pass pass, int convolutions);

// By events on the device, buffers of its own. Infinity: a library that has no kernel for it, or failed.
template <class T>
double least_milliseconds(const Problem& problem, Pass pass, const Way& way);

}  // namespace purnet::conv2d::implicit
