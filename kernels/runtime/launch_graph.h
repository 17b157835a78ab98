// A row of kernel launches, recorded once and from then on launched as one: on CUDA devices a CUDA graph, which costs the host a
// few microseconds in place of as many for every kernel.
#pragma once

#include <functional>
#include <memory>

#include "kernels/runtime/device.h"

namespace purnet {

class LaunchGraph {
public:
    virtual ~LaunchGraph() = default;
    // Launches everything again, on the same addresses, behind what the process launched before. Does not wait.
    virtual void launch() = 0;
};

// body(context) launches on context.stream. It is called once and nothing runs yet. It must have run before without recording, so that
// nothing is allocated or set up inside; an Error where it does what a graph cannot hold. Null on devices without graphs: the host.
using RecordLaunches = std::unique_ptr<LaunchGraph> (*)(const Device&, const std::function<void(const Context&)>& body);
void register_recorder(DeviceType type, RecordLaunches recorder);
std::unique_ptr<LaunchGraph> record_launches(const Device& device, const std::function<void(const Context&)>& body);

}  // namespace purnet
