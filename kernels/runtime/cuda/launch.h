// The one way a kernel is started, and the visible tables from which launchers take their configuration.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/device.h"

namespace purnet::cuda {

inline cudaStream_t stream_of(const Context& context) { return static_cast<cudaStream_t>(context.stream); }

// To be called before anything but a launch of this file is put on a stream: a copy, a fill, an event or a wait for one, a graph, a
// library's work; and where a stream of that address begins anew, or begins or ends a recording. Not for events within a recording,
// which leave nothing on the stream. One thread at a time puts work on a stream. See launch_early.
void interrupt_launches(cudaStream_t stream);

namespace detail {
// More than 48 KiB of dynamic shared memory must be asked for once per kernel and device.
void allow_shared(const void* kernel, size_t bytes);
// Fills in what launch_early asks for: how many attributes the launch has. 0 where launches never come early; 1 where they may, and the
// attribute says whether this one does, so that the emulator holds it to its wait either way.
unsigned early_attribute(const void* kernel, cudaStream_t stream, cudaLaunchAttribute& attribute);
void check_launch(cudaError_t status, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream);

template <class... P, class... A>
void start(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, bool early, A&&... arguments) {
    enter_device();
    if (shared_bytes > 48 * 1024) allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
    cudaLaunchAttribute attribute{};
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = early ? early_attribute(reinterpret_cast<const void*>(kernel), stream, attribute) : 0;
    interrupt_launches(stream);  // if it fails, none is ahead of the next; else check_launch adds it
    check_launch(cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...), grid, block, shared_bytes, stream);
}
}  // namespace detail

// Runs kernel(arguments...) on grid x block threads with `shared_bytes` of dynamic shared memory. Errors name op, layer,
// shapes, grid, block and bytes. PURNET_CUDA_SYNC=1 waits for each kernel, so that a fault is reported where it happened.
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, A&&... arguments) {
    detail::start(kernel, grid, block, shared_bytes, stream, false, std::forward<A>(arguments)...);
}

// The same for a kernel of which every thread executes ptx::wait_for_launches (kernels/tile/ptx.h) before it touches global memory and
// before it ends: it may begin while the launch before it is still running (programmatic dependent launch). It does where
//   - the device runs code for compute capability 9.0 or newer, since only that code waits;
//   - what this thread put last on the stream is a launch of this file, and nobody has called interrupt_launches since; else it begins
//     when everything before it has ended.
// Recorded launches keep this as an edge of the graph. PURNET_PDL=0: never, to compare.
template <class... P, class... A>
void launch_early(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, A&&... arguments) {
    detail::start(kernel, grid, block, shared_bytes, stream, true, std::forward<A>(arguments)...);
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
