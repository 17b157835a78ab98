// Status codes of the CUDA runtime as errors that say in which op, with which shapes, in which layer a call failed.
#pragma once

#include <cuda_runtime.h>

#include "kernels/runtime/error.h"

namespace purnet::cuda {

// "conv2d forward (...) in layer decoder.up1: cudaMalloc: out of memory (cudaErrorMemoryAllocation); DETAIL"
[[noreturn]] void fail_call(cudaError_t status, const char* call, const std::string& detail);

inline void check(cudaError_t status, const char* call) {
    if (status != cudaSuccess) fail_call(status, call, {});
}

}  // namespace purnet::cuda
