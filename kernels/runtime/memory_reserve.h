// Memory at addresses that stay: what launches that are recorded once and repeated (launch_graph.h) take for what they compute.
//
//     MemoryReserve reserve(DeviceType::cuda);
//     { const MemoryReserve::Use use(reserve); ... }    // blocks made here are the reserve's, and go back to it whenever they are freed
//
// Nobody else gets what was given back, and the system not either, until the reserve and all its blocks are gone. Several recordings may
// share one, if they are launched one after the other and each is done with what it computed when the next is launched, but for blocks that
// are still held. A block serves sizes down to half of it, so that batches of several sizes take little more than the largest of them.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/runtime/device.h"

namespace purnet {

struct ReservedMemory;

class MemoryReserve {
public:
    explicit MemoryReserve(DeviceType type);  // not the host's

    // For blocks that this thread makes on that type of device. The innermost one counts.
    class Use {
    public:
        explicit Use(const MemoryReserve& reserve);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

    private:
        const std::shared_ptr<ReservedMemory>* previous_;
    };

    // While it lives, this thread's blocks are no reserve's: what is only needed meanwhile.
    class Left {
    public:
        Left();
        ~Left();
        Left(const Left&) = delete;
        Left& operator=(const Left&) = delete;

    private:
        const std::shared_ptr<ReservedMemory>* previous_;
    };

    size_t bytes() const;  // in use or not

private:
    std::shared_ptr<ReservedMemory> memory_;
};

}  // namespace purnet
