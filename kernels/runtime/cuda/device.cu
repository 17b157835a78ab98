#include "kernels/runtime/cuda/device.h"

#include <nvtx3/nvToolsExt.h>

#include <mutex>
#include <vector>

#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/cublaslt.h"
#include "kernels/runtime/cuda/cudnn.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/out_of_memory.h"
#include "kernels/runtime/scope.h"

namespace purnet::cuda {
namespace {

DeviceInfo read_info(int device) {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
    return {
        p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem, static_cast<size_t>(p.l2CacheSize), p.sharedMemPerBlockOptin};
}

std::string describe(int device) {
    const DeviceInfo& info = device_info(device);
    return concat(info.name, ", sm_", info.major, info.minor, ", ", info.memory / 1000000000, " GB");
}

std::string objection(int device) {
    const DeviceInfo& info = device_info(device);
    if (info.at_least(8)) return "";
    return concat("(", info.name, ") has compute capability ", info.major, ".", info.minor, "; the kernels need 8.0 or newer");
}

std::string versions() {
    int runtime = 0, driver = 0;
    check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    const auto text = [](int version) { return concat(version / 1000, ".", version % 1000 / 10); };
    return concat("CUDA ", text(runtime), ", driver ", text(driver));
}

std::vector<LibraryReport> libraries() { return {cublaslt::report(), cudnn::report()}; }

// Where launches are recorded, copies and fills are recorded with them; else they are finished on return.
void copy(void* to, const void* from, size_t bytes) {
    enter_device();
    interrupt_launches(static_cast<cudaStream_t>(current_stream()));
    if (void* const recording = current_stream())
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(recording)), "cudaMemcpyAsync");
    else
        check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "cudaMemcpy");
}

void fill(void* to, int byte, size_t bytes) {
    enter_device();
    interrupt_launches(static_cast<cudaStream_t>(current_stream()));
    if (void* const recording = current_stream())
        return check(cudaMemsetAsync(to, byte, bytes, static_cast<cudaStream_t>(recording)), "cudaMemsetAsync");
    check(cudaMemset(to, byte, bytes), "cudaMemset");
    check(cudaDeviceSynchronize(), "cudaMemset");
}

// The allocator of kernels/runtime/memory.h gets the device's memory from here, and the programs what devices there are.
const bool registered = [] {
    register_accelerators({device_count, why_no_device, describe, objection, versions, libraries});
    register_raw_memory(DeviceType::cuda, {[](size_t bytes) -> void* {
                                               enter_device();
                                               void* memory = nullptr;
                                               const cudaError_t status = cudaMalloc(&memory, bytes);
                                               if (status == cudaErrorMemoryAllocation) {
                                                   cudaGetLastError();
                                                   return nullptr;
                                               }
                                               check(status, "cudaMalloc");
                                               return memory;
                                           },
                                           [](void* memory, size_t) { cudaFree(memory); }, copy, fill});
    register_device_memory(DeviceType::cuda, [] {
        enter_device();
        DeviceMemory memory;
        check(cudaMemGetInfo(&memory.free, &memory.total), "cudaMemGetInfo");
        return memory;
    });
    set_scope_observer([](const char* name) { nvtxRangePushA(name); }, [] { nvtxRangePop(); });
    return true;
}();

}  // namespace

void enter_device() {
    thread_local int entered = -1;
    const int wanted = chosen_accelerator();
    if (entered == wanted) return;
    check(cudaSetDevice(wanted), "cudaSetDevice");
    entered = wanted;
}

int device_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return count;
}

std::string why_no_device() {
    int driver = 0, count = 0;
    if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) return "this machine has no NVIDIA driver";
    const cudaError_t status = cudaGetDeviceCount(&count);
    cudaGetLastError();
    if (status != cudaSuccess) return concat("the CUDA driver says: ", cudaGetErrorString(status));
    return count == 0 ? "the CUDA driver shows no device" : "";
}

const DeviceInfo& device_info(int device) {
    static std::mutex mutex;
    static auto* known = new std::vector<DeviceInfo>;
    std::lock_guard lock(mutex);
    if (known->empty()) {
        const int count = device_count();
        known->reserve(static_cast<size_t>(count));
        for (int i = 0; i < count; ++i) known->push_back(read_info(i));
    }
    require(device >= 0 && static_cast<size_t>(device) < known->size(), "there is no CUDA device ", device, ": ", known->size(), " found");
    return (*known)[static_cast<size_t>(device)];
}

}  // namespace purnet::cuda
