// Every PTX instruction that kernels use, as one function each, and nothing else: this is the only file with inline
// assembly. The pages beside it (vector.h, reduce.h, pipeline.h, matrix.h, ...) say how the instructions are used together.
//
// Shared memory is named by 32-bit addresses, as the instructions take them: shared_address(pointer).
// References are to the chapters of "Parallel Thread Execution ISA" (PTX ISA).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace purnet::ptx {

// The address of shared memory within its window.
__device__ __forceinline__ uint32_t shared_address(const void* pointer) { return static_cast<uint32_t>(__cvta_generic_to_shared(pointer)); }

// ---- Named barriers (bar.sync, bar.arrive): 16 a block, number 0 is __syncthreads ----
// sync waits until `threads` threads, a multiple of 32, have come to this barrier; arrive counts without waiting.
__device__ __forceinline__ void barrier_sync(unsigned id, unsigned threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void barrier_arrive(unsigned id, unsigned threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

}  // namespace purnet::ptx
