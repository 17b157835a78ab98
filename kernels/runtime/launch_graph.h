// A row of kernel launches, recorded once and from then on launched as one: on CUDA devices a CUDA graph, which costs the host a
// few microseconds in place of as many for every kernel.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernels/runtime/device.h"

namespace purnet {

class LaunchGraph {
public:
    virtual ~LaunchGraph() = default;
    // Launches everything again, on the same addresses, behind what the process launched before. Does not wait.
    virtual void launch() = 0;
};

// body(context) launches on context.stream, which is the thread's current one (current_stream.h) meanwhile. It is called once and nothing
// runs yet. It must have run before without recording, so that nothing is allocated or set up inside; an Error where it does what a graph
// cannot hold. Null on devices without graphs: the host.
using RecordLaunches = std::unique_ptr<LaunchGraph> (*)(const Device&, const std::function<void(const Context&)>& body);
void register_recorder(DeviceType type, RecordLaunches recorder);
std::unique_ptr<LaunchGraph> record_launches(const Device& device, const std::function<void(const Context&)>& body);

// What runs many times on the same addresses: by itself the first time, recorded the second, from then on launched as one. Where it can't
// be recorded it goes on by itself, and why_not() says why.
class Replay {
public:
    explicit Replay(Device device) : device_(device) {}

    void run(const std::function<void(const Context&)>& body);  // each time the same
    bool as_one() const { return graph_ != nullptr; }
    const std::string& why_not() const { return why_not_; }

private:
    Device device_;
    std::unique_ptr<LaunchGraph> graph_;
    bool ran_ = false;
    std::string why_not_;
};

}  // namespace purnet
