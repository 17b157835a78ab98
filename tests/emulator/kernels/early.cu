#include "tests/emulator/kernels/early.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/ring.h"
#include "kernels/tile/tensor_map.h"

namespace purnet::seeded {
namespace {

__global__ void add_kernel(const float* x, float* y, unsigned* count, Early before_wait) {
    SHARED(float, piece, 32);
    const unsigned t = threadIdx.x, i = blockIdx.x * 32 + t;
    piece[t] = 0;
    if (before_wait == Early::reads) piece[t] = x[i];
    if (before_wait == Early::writes) y[i] = 0;
    if (before_wait == Early::adds && t == 0) atomicAdd(count, 0u);
    if (before_wait == Early::copies) {
        ptx::copy_async_4(ptx::shared_address(piece + t), x + i);
        ptx::copy_async_commit();
        ptx::copy_async_wait<0>();
    }
    if (before_wait == Early::none || (before_wait == Early::not_in_one_thread && i == 40)) return;
    ptx::wait_for_launches();
    y[i] += x[i];
    if (t == 0) atomicAdd(count, 1u);
}

__global__ void box_kernel(const __grid_constant__ CUtensorMap map, uint4* y, bool before_wait) {
    SHARED_DYNAMIC(uint4, memory);
    SHARED(uint64_t, barriers, 2);
    const tile::Ring<1> ring{ptx::shared_address(barriers)};
    if (threadIdx.x == 0) {
        ptx::prefetch_map(&map);
        ring.init(1);
    }
    __syncthreads();
    if (!before_wait) ptx::wait_for_launches();
    if (threadIdx.x == 0) {
        ring.expect(0, 2048);
        ptx::copy_box(ptx::shared_address(memory), &map, ring.full(0), 0, 0);
    }
    ring.wait_full(0);
    if (before_wait) ptx::wait_for_launches();
    y[threadIdx.x] = memory[threadIdx.x];
}

void add_on(cudaStream_t stream, const float* x, float* y, unsigned* count) {
    cuda::launch_early(add_kernel, 2, 32, 0, stream, x, y, count, Early::nothing);
}

class Stream {
public:
    Stream() {
        cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamDefault), "cudaStreamCreateWithFlags");
        cuda::interrupt_launches(stream);  // another stream may have gone by this name
    }
    ~Stream() { cudaStreamDestroy(stream); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t stream = nullptr;
};

}  // namespace

void add_early(const float* x, float* y, unsigned* count, Early before_wait) {
    cuda::launch_early(add_kernel, 2, 32, 0, nullptr, x, y, count, before_wait);
}
void add_in_order(const float* x, float* y, unsigned* count, Early before_wait) {
    cuda::launch(add_kernel, 2, 32, 0, nullptr, x, y, count, before_wait);
}
void box_early(const void* x, void* y, bool before_wait) {
    cuda::launch_early(box_kernel, 1, 32, 2048, nullptr, tile::box_map(x, {64, 16}, {64, 16}), static_cast<uint4*>(y), before_wait);
}

void add_behind(Between between, bool says_so, const float* x, float* y, unsigned* count) {
    const Stream other;
    cudaEvent_t event = nullptr;
    cuda::check(cudaEventCreate(&event), "cudaEventCreate");
    cuda::interrupt_launches(nullptr);
    add_on(nullptr, x, y, count);
    if (says_so) cuda::interrupt_launches(nullptr);
    switch (between) {
        case Between::copy: cuda::check(cudaMemcpyAsync(y, x, 4, cudaMemcpyDeviceToDevice), "cudaMemcpyAsync"); break;
        case Between::fill: cuda::check(cudaMemsetAsync(y, 0, 4), "cudaMemsetAsync"); break;
        case Between::event: cuda::check(cudaEventRecord(event), "cudaEventRecord"); break;
        case Between::nothing:
        case Between::stream: break;
    }
    cudaEventDestroy(event);
    add_on(between == Between::stream ? other.stream : nullptr, x, y, count);
}

void add_in_turns(const float* x, float* y, unsigned* count, float* other_y, unsigned* other_count) {
    const Stream one, other;
    for (int i = 0; i < 2; ++i) {
        add_on(one.stream, x, y, count);
        add_on(other.stream, x, other_y, other_count);
    }
}

void add_recorded(const float* x, float* y, unsigned* count, int launches) {
    const Stream recording;
    add_on(recording.stream, x, y, count);
    cuda::interrupt_launches(recording.stream);
    cuda::check(cudaStreamBeginCapture(recording.stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    for (int i = 0; i < launches; ++i) add_on(recording.stream, x, y, count);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t runnable = nullptr;
    cuda::check(cudaStreamEndCapture(recording.stream, &graph), "cudaStreamEndCapture");
    cuda::check(cudaGraphInstantiate(&runnable, graph), "cudaGraphInstantiate");
    cudaGraphDestroy(graph);
    cuda::check(cudaGraphLaunch(runnable, recording.stream), "cudaGraphLaunch");
    cudaGraphExecDestroy(runnable);
}

}  // namespace purnet::seeded
