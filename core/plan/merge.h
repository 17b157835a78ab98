// Convolutions that a device computes in one launch.
#pragma once

#include <functional>
#include <vector>

#include "core/plan/graph.h"

namespace purnet {

// Convolutions of one geometry (conv2d::PackedConv::merges_with) that read results of one step, or one input of the plan, and for
// which equally long rows of steps must have run, become one step: what reads one map, as the 1x1 convolutions of three decoders do, and
// what goes on from there side by side. Their channels, activations, sums and readers are their own, so nothing else changes. Of equally
// long rows no step waits for another, and no step begins later than the longest row to it demands.
//
// Each result has the bits that it had, but where the launch cuts sums into another number of parts (kernels/conv2d/conv2d_split.h) or, as
// measured or in TF32, is done by another kernel: there it differs by the rounding of sums. After fuse_convolutions. On the host nothing is
// merged: threads share a convolution without a launch. PURNET_MERGE=0: nowhere, to compare.
void merge_convolutions(Graph& graph, Device device);
// What PURNET_MERGE says.
bool merging_is_wanted();

// Which steps that become, in their order: the numbers of those that are one, or of one that stays. can_merge(a, b): whether a launch takes
// steps a and b, a < b.
std::vector<std::vector<size_t>> merged_steps(const Graph& graph, const std::function<bool(size_t, size_t)>& can_merge);

}  // namespace purnet
