// The one way a kernel is started, and the visible tables from which launchers take their configuration.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/device.h"

namespace purnet::cuda {

inline cudaStream_t stream_of(const Context& context) { return static_cast<cudaStream_t>(context.stream); }

namespace detail {
// More than 48 KiB of dynamic shared memory must be asked for once per kernel and device.
void allow_shared(const void* kernel, size_t bytes);
void check_launch(cudaError_t status, dim3 grid, dim3 block, size_t shared_bytes);
}  // namespace detail

// Runs kernel(arguments...) on grid x block threads with `shared_bytes` of dynamic shared memory. Errors name op, layer,
// shapes, grid, block and bytes. PURNET_CUDA_SYNC=1 waits for each kernel, so that a fault is reported where it happened.
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, A&&... arguments) {
    enter_device();
    if (shared_bytes > 48 * 1024) detail::allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream;
    detail::check_launch(cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...), grid, block, shared_bytes);
}

// One row of a launch table: up to this many work items, this many threads a block and items a thread.
struct LaunchRow {
    int64_t up_to;
    int threads;
    int items;
};

// The first row that holds `size`; the last row holds everything.
template <int N>
const LaunchRow& pick(const LaunchRow (&table)[N], int64_t size) {
    for (const LaunchRow& row : table)
        if (size <= row.up_to) return row;
    return table[N - 1];
}

// Blocks of `per_block` items that cover `count`, at most `limit` of them (the kernel then loops).
unsigned blocks_for(int64_t count, int64_t per_block, int64_t limit = 0x7fffffff);

}  // namespace purnet::cuda
