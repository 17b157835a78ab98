// Streams and events of the CUDA runtime; who makes one destroys it.
#pragma once

#include <cuda_runtime.h>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/launch.h"

namespace purnet::cuda {

// Neither waits for the default stream, nor is it waited for by that.
inline cudaStream_t make_side_stream() {
    cudaStream_t made = nullptr;
    check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    interrupt_launches(made);
    return made;
}

// For order alone: it holds no time.
inline cudaEvent_t make_order_event() {
    cudaEvent_t made = nullptr;
    check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    return made;
}

}  // namespace purnet::cuda
