// Launches beside others, within a row of launches that is recorded to be launched as one (launch_graph.h).
//
//     Branch branch(device);
//     branch.run([x, dy, dw](const Context& on) { ... });    // behind all that was launched so far, beside what comes next
//     ... launches ...
//     branch.join();                                         // what is launched from here on comes behind the branch
//
// What runs beside something must not find its memory in other hands: a branch keeps each function, and with it every tensor and block that
// the function captured, until it is joined. Whoever would write to memory in place asks first whether somebody else holds it
// (Tensor::shares_memory).
//
// Where nothing is recorded, and on devices without graphs, there is one order: parallel() is false and run() calls at once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>

#include "kernels/runtime/device.h"

namespace purnet {

class Branch {
public:
    // Of what this thread records on that device when it is made.
    explicit Branch(const Device& device);
    // Joins. What was thrown while launches were recorded gives the recording up, and with it what there was to join.
    ~Branch();
    Branch(const Branch&) = delete;
    Branch& operator=(const Branch&) = delete;

    bool parallel() const { return main_ != nullptr; }
    // Behind the launches of the recording so far and the earlier ones of this branch. Context and current stream of `launches` are the
    // branch's.
    void run(std::function<void(const Context&)> launches);
    // The recording goes on behind all functions but the last `under_way`.
    void join(size_t under_way = 0);

private:
    struct Run {
        std::function<void(const Context&)> launches;  // for what it captured
        void* end;
    };

    Device device_;
    void* main_ = nullptr;  // the recording's stream
    void* side_ = nullptr;  // made by the first run()
    std::deque<Run> runs_;
};

// What a device brings for that; the CUDA runtime room registers its own before first use. All belongs to the recording that this thread
// makes, and goes with it.
struct SideStreams {
    void* (*make)() = nullptr;
    void* (*mark)(void* stream) = nullptr;             // behind all that is on the stream so far
    void (*wait)(void* stream, void* mark) = nullptr;  // what is put on the stream from here on comes behind the mark
};
void register_side_streams(DeviceType type, const SideStreams& streams);
// Null: the device has none.
const SideStreams* side_streams(DeviceType type);

}  // namespace purnet
