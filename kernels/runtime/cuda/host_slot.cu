#include "kernels/runtime/host_slot.h"

#include <cuda_runtime.h>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/cuda/handles.h"
#include "kernels/runtime/cuda/launch.h"

namespace purnet::cuda {
namespace {

cudaEvent_t event(void* mark) { return static_cast<cudaEvent_t>(mark); }
cudaStream_t stream(void* of_slot) { return static_cast<cudaStream_t>(of_slot); }

// On the default stream, which the streams of recorded launches wait for, and which waits for them; but for what is sent.
const bool registered = [] {
    register_host_slots(DeviceType::cuda,
                        {.allocate = [](size_t bytes) -> void* {
                             enter_device();
                             void* memory = nullptr;
                             const cudaError_t status = cudaMallocHost(&memory, bytes);
                             if (status == cudaErrorMemoryAllocation) {
                                 cudaGetLastError();
                                 return nullptr;
                             }
                             check(status, "cudaMallocHost");
                             return memory;
                         },
                         .free = [](void* memory) { cudaFreeHost(memory); },
                         .copy =
                             [](void* to, const void* from, size_t bytes) {
                                 enter_device();
                                 interrupt_launches(nullptr);
                                 check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, nullptr), "cudaMemcpyAsync");
                             },
                         .send =
                             [](void* to, const void* from, size_t bytes, void* on, void* mark) {
                                 enter_device();
                                 interrupt_launches(stream(on));
                                 interrupt_launches(nullptr);
                                 check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream(on)), "cudaMemcpyAsync");
                                 check(cudaEventRecord(event(mark), stream(on)), "cudaEventRecord");
                                 check(cudaStreamWaitEvent(nullptr, event(mark), 0), "cudaStreamWaitEvent");
                             },
                         .make_stream = []() -> void* {
                             enter_device();
                             return make_side_stream();
                         },
                         .free_stream = [](void* of_slot) { cudaStreamDestroy(stream(of_slot)); },
                         .make_mark = []() -> void* {
                             enter_device();
                             return make_order_event();
                         },
                         .free_mark = [](void* mark) { cudaEventDestroy(event(mark)); },
                         .set_mark =
                             [](void* mark) {
                                 enter_device();
                                 interrupt_launches(nullptr);
                                 check(cudaEventRecord(event(mark), nullptr), "cudaEventRecord");
                             },
                         .wait_for = [](void* mark) { check(cudaEventSynchronize(event(mark)), "cudaEventSynchronize"); }});
    return true;
}();

}  // namespace
}  // namespace purnet::cuda
