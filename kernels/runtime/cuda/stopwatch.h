// How long a launch takes on the device.
#pragma once

#include <functional>

namespace purnet::cuda {

// The least of five, by events on the default stream, after one that is not counted. Between two of them the second-level cache is
// filled with other things: a network does not find a layer's operands there.
double least_milliseconds(const std::function<void()>& launch);

}  // namespace purnet::cuda
