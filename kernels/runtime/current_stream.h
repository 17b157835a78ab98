// The stream that this thread's kernels, copies and fills go to. Null, and with it CUDA's default stream, except while a row of launches
// is recorded (launch_graph.h). Whatever may be part of that takes its Context from here; on the default stream it would be refused.
#pragma once

#include "kernels/runtime/device.h"

namespace purnet {

void* current_stream();
inline Context current_context(const Device& device) { return {device, current_stream()}; }

class OnStream {
public:
    explicit OnStream(void* stream);
    ~OnStream();
    OnStream(const OnStream&) = delete;
    OnStream& operator=(const OnStream&) = delete;

private:
    void* previous_;
};

}  // namespace purnet
