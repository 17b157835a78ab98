// Which convolutions in bf16 the kernels for sm_90a (conv2d_wgmma.h) take from those for sm_80, and their launch.
#pragma once

#include "kernels/conv2d/conv2d_launch.h"

namespace purnet::conv2d::implicit::sm90 {

// A tile of the result, and how many there are of it. A function of the problem alone.
struct Plan {
    int groups = 1, columns = 64;  // WgmmaTile
    Grid grid = {};
};

// Whether these kernels can express the problem and are worth their while: one group, no data gradient but of stride 1, channels that are
// multiples of 8, at least 32 of them in the sum (64 are multiplied in any case), or in and out of a weight gradient; distances that a
// tensor map holds.
bool fits(const Problem& problem, Pass pass);
// The tile that suits the problem, all that can serve it, or a given one: {2, 128}, {2, 64} or {1, 64}.
Plan plan_of(const Problem& problem, Pass pass);
std::vector<Plan> plans(const Problem& problem, Pass pass);
Plan plan_with(const Problem& problem, Pass pass, int groups, int columns);

// Whether the current device is one of compute capability 9.0 and this build has code for sm_90a. PURNET_SM90=0: no, to compare.
bool device_can();

// A Correlation or the WeightGradient, of bf16.
template <class Product>
void launch(const Problem& problem, const Plan& plan, const Product& product, void* workspace, cudaStream_t stream);

}  // namespace purnet::conv2d::implicit::sm90
