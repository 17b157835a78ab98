// The emulated CUDA runtime: devices, memory, launch checks. Streams, events, graphs: streams.cpp.
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

#include "tests/emulator/engine/memory.h"
#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/engine/streams.h"
#include "tests/emulator/engine/timeline.h"
#include "tests/emulator/include/cuda_runtime.h"

using namespace purnet::emulator;

namespace {

std::mutex opt_in_mutex;
std::map<std::pair<const void*, int>, size_t>& opt_in() {
    static auto* all = new std::map<std::pair<const void*, int>, size_t>;
    return *all;
}

std::map<const char*, size_t>& page_locked() {
    static auto* blocks = new std::map<const char*, size_t>;
    return *blocks;
}
bool is_page_locked(const void* address) {
    const auto* at = static_cast<const char*>(address);
    const auto above = page_locked().upper_bound(at);
    return above != page_locked().begin() && at < std::prev(above)->first + std::prev(above)->second;
}

// A pointer is the host's or lies in a device allocation as a whole.
bool crosses_device_memory(const void* address, size_t bytes) { return is_device_memory(address) && !is_device_range(address, bytes); }

}  // namespace

size_t& purnet::emulator::page_locked_limit() {
    static size_t limit = SIZE_MAX;
    return limit;
}

const char* cudaGetErrorName(cudaError_t error) {
    if (error == capture_unjoined) return "cudaErrorStreamCaptureUnjoined";
    if (error == capture_isolation) return "cudaErrorStreamCaptureIsolation";
    switch (error) {
        case cudaSuccess: return "cudaSuccess";
        case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
        case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
        case cudaErrorNoDevice: return "cudaErrorNoDevice";
        case cudaErrorNotReady: return "cudaErrorNotReady";
        case cudaErrorNotSupported: return "cudaErrorNotSupported";
        case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
        case cudaErrorStreamCaptureUnmatched: return "cudaErrorStreamCaptureUnmatched";
    }
    return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
    if (error == capture_unjoined) return "capturing stream has unjoined work";
    if (error == capture_isolation) return "dependency created on uncaptured work in another stream";
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidConfiguration: return "invalid configuration argument";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorNoDevice: return "no CUDA-capable device is detected";
        case cudaErrorNotReady: return "device not ready";
        case cudaErrorNotSupported: return "operation not supported";
        case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureUnmatched: return "capture was not ended in the stream it began in";
    }
    return "unrecognized error code";
}

cudaError_t cudaGetLastError() { return std::exchange(last_error(), cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error(); }

cudaError_t cudaGetDeviceCount(int* count) {
    *count = static_cast<int>(std::size(architectures));
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    if (device < 0 || static_cast<size_t>(device) >= std::size(architectures)) return result(cudaErrorInvalidDevice);
    device_index() = device;
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
    *device = device_index();
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
    if (device < 0 || static_cast<size_t>(device) >= std::size(architectures)) return result(cudaErrorInvalidDevice);
    *properties = {};
    const Architecture& architecture = architectures[device];
    const bool hopper = architecture.major == 9;
    std::snprintf(properties->name, sizeof properties->name, "emulated sm_%d%d", architecture.major, architecture.minor);
    properties->totalGlobalMem = std::min<size_t>(memory_limit(), size_t{80} << 30);
    properties->sharedMemPerBlock = architecture.shared_static;
    properties->sharedMemPerBlockOptin = architecture.shared_opt_in;
    properties->sharedMemPerMultiprocessor = architecture.shared_opt_in + 1024;
    properties->regsPerBlock = 65536;
    properties->major = architecture.major;
    properties->minor = architecture.minor;
    properties->multiProcessorCount = architecture.multiprocessors;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->l2CacheSize = (hopper ? 50 : 40) << 20;
    return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
    if (forbidden()) return result(cudaErrorStreamCaptureUnsupported);
    timeline::wait();
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 12040;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    if (!may_allocate()) return result(cudaErrorStreamCaptureUnsupported);
    *memory = bytes ? device_allocate(bytes) : nullptr;
    return result(bytes && !*memory ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaFree(void* memory) {
    if (!forbidden()) timeline::wait();
    return result(!memory || device_free(memory) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = bytes <= page_locked_limit() ? allocate_exact(bytes, 256) : nullptr;
    if (*memory) page_locked()[static_cast<const char*>(*memory)] = bytes;
    return result(*memory ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* memory) {
    page_locked().erase(static_cast<const char*>(memory));
    free_exact(memory);
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    *total = std::min<size_t>(memory_limit(), size_t{80} << 30);
    *free = *total - std::min(*total, device_memory_used());
    return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    if (bytes == 0) return cudaSuccess;
    if (crosses_device_memory(to, bytes) || crosses_device_memory(from, bytes)) return result(cudaErrorInvalidValue);
    const bool comes = is_page_locked(to), goes = is_page_locked(from);
    if (comes) std::memset(to, 0xff, bytes);
    const auto copy = [=] {
        monitor::transfer(to, from, bytes);
        std::memcpy(to, from, bytes);
    };
    return submit(stream, copy, "copy", comes || goes);
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind);
    if (status == cudaSuccess && !(is_device_memory(to) && is_device_memory(from))) cudaStreamSynchronize(nullptr);
    return status;
}
cudaError_t cudaMemsetAsync(void* to, int byte, size_t bytes, cudaStream_t stream) {
    if (bytes == 0) return cudaSuccess;
    if (!is_device_range(to, bytes)) return result(cudaErrorInvalidValue);
    const auto fill = [=] {
        monitor::transfer(to, nullptr, bytes);
        std::memset(to, byte, bytes);
    };
    return submit(stream, fill, "fill");
}
cudaError_t cudaMemset(void* to, int byte, size_t bytes) { return cudaMemsetAsync(to, byte, bytes); }

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
    if (value < 0 || static_cast<size_t>(value) > architecture().shared_opt_in) return result(cudaErrorInvalidValue);
    std::lock_guard lock(opt_in_mutex);
    opt_in()[{kernel, device_index()}] = static_cast<size_t>(value);
    return cudaSuccess;
}

cudaError_t purnet::emulator::submit_kernel(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
    const dim3 grid = config.gridDim, block = config.blockDim;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return result(cudaErrorInvalidConfiguration);
    if (block.x == 0 || block.y == 0 || block.z == 0 || block.x > 1024 || block.y > 1024 || block.z > 64 ||
        block.x * block.y * block.z > 1024)
        return result(cudaErrorInvalidConfiguration);
    {
        std::lock_guard lock(opt_in_mutex);
        const auto own = opt_in().find({kernel, device_index()});
        const size_t allowed = std::max(own == opt_in().end() ? 0 : own->second, architecture().shared_static);
        if (config.dynamicSmemBytes > allowed) return result(cudaErrorInvalidValue);
    }
    Launch launch{grid, block, config.dynamicSmemBytes, kernel, std::move(body)};
    for (const cudaLaunchAttribute* a = config.attrs; a != config.attrs + config.numAttrs; ++a) {
        if (a->id != cudaLaunchAttributeProgrammaticStreamSerialization || architecture().major < 9) return result(cudaErrorInvalidValue);
        launch.early = true;
        if (!a->val.programmaticStreamSerializationAllowed) continue;
        ++counters().overlapping;
        if (!behind_kernel(config.stream))
            throw Fault(FaultKind::launch_order,
                        concat("an early launch may overlap with what was put in before it, which is no kernel of its stream: "
                               "interrupt_launches() is missing there; kernel ",
                               describe_code(kernel)));
    }
    return submit(
        config.stream, [launch = std::move(launch)] { run(launch); }, "kernel");
}
