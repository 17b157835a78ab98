// Ranges of the values that convolutions read, measured on pictures: what inference in 8 bits needs besides the weights.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/plan/graph.h"

namespace purnet {

struct Range {
    double low = 0, high = 0;
    bool operator==(const Range&) const = default;
};

// By the name of the convolution's weight.
using Ranges = std::map<std::string, Range>;

// Runs the network on each list of inputs and takes, for each convolution and transposed convolution, the means over the runs of its
// input's least and greatest value: a single odd picture moves them little. Values that are not finite throw.
// Source: Jacob et al., CVPR 2018, section 3.1 (averages of ranges).
Ranges measure_ranges(const Network& network, const std::vector<std::vector<Tensor>>& runs);

}  // namespace purnet
