// What the emulator reports. A Fault ends the launch: it is thrown out of the launch call on the host.
#pragma once

#include <string>

#include "kernels/runtime/error.h"

namespace purnet::emulator {

enum class FaultKind {
    launch_limit,         // more threads, blocks or shared memory than the device has
    divergent_barrier,    // threads of one block at two barriers, or a barrier that some threads skip
    endless_wait,         // every thread waits and nothing is left that could end a wait
    wrong_mask,           // a warp collective whose mask and lanes disagree, or that reads a lane outside the mask
    misaligned,           // an address that is no multiple of the size of the access
    out_of_bounds,        // an access by a copy or matrix instruction outside every array (plain accesses: AddressSanitizer)
    race,                 // two accesses to one place, one of them a write, that nothing orders
    uninitialised,        // a read of shared memory that nothing wrote
    missing_wait,         // an asynchronous copy or product whose result or operands were used before its wait
    missing_fence,        // accumulators that threads touched go to wgmma without wgmma.fence
    wrong_count,          // an mbarrier that gets more or fewer arrivals or bytes than it counts
    missing_proxy_fence,  // written by threads, read by the copy engine or wgmma, without fence.proxy.async between
    launch_order,         // a launch that may overlap with those before it, and does not wait for them, or too late
    bad_descriptor,       // a tensor map, matrix descriptor or swizzle that the instruction can't take
    unsupported,          // something no emulation exists for
};

const char* name_of(FaultKind kind);

class Fault : public Error {
public:
    Fault(FaultKind kind, const std::string& text) : Error(std::string(name_of(kind)) + ": " + text), kind_(kind) {}
    FaultKind kind() const { return kind_; }

private:
    FaultKind kind_;
};

// Where in the source something was called: a defaulted last argument of every emulated function that can wait or fail.
struct Site {
    const char* file;
    int line;
    constexpr Site(const char* f = __builtin_FILE(), int l = __builtin_LINE()) : file(f), line(l) {}
    bool operator==(const Site& other) const;
    std::string text() const;
};

}  // namespace purnet::emulator
