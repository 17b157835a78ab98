// The emulated CUDA runtime: devices, memory, streams, events, graphs, launch checks.
#include <chrono>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

#include "tests/emulator/engine/memory.h"
#include "tests/emulator/include/cuda_runtime.h"

using namespace purnet::emulator;

// What a capture recorded, in the order of the calls, which respects every dependency.
struct CUgraph_st {
    std::vector<std::function<void()>> steps;
};
struct CUgraphExec_st {
    std::vector<std::function<void()>> steps;
};
struct CUstream_st {
    CUgraph_st* capture = nullptr;  // what it records into
    bool began = false;             // it is the stream whose capture that is
};
struct CUevent_st {
    CUgraph_st* capture = nullptr;
    std::chrono::steady_clock::time_point time;
    bool recorded = false;
    size_t behind = 0;  // how many of all steps are before it
};

namespace {

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t result(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

std::vector<CUstream_st*>& all_streams() {
    static auto* all = new std::vector<CUstream_st*>;
    return *all;
}

std::mutex opt_in_mutex;
std::map<std::pair<const void*, int>, size_t>& opt_in() {
    static auto* all = new std::map<std::pair<const void*, int>, size_t>;
    return *all;
}

// Of this thread's captures, under cudaStreamCaptureModeThreadLocal or Relaxed.
thread_local int captures = 0;
thread_local bool may_allocate = false;  // the capture's mode is relaxed

// What the thread may not do while it captures: allocate (unless relaxed), wait, or use the default stream, which would wait for the one
// that captures.
bool forbidden() { return captures > 0; }

// Steps are done at once, but for asynchronous copies between page-locked memory and the device, and whatever is put in behind one: they
// wait until somebody waits for them, so that a wait that is missing is seen in what they copy.
std::deque<std::function<void()>>& waiting() {
    static auto* steps = new std::deque<std::function<void()>>;
    return *steps;
}
size_t steps_done = 0;

// The first so many of all steps.
void finish(size_t steps) {
    while (steps_done < steps && !waiting().empty()) {
        const std::function<void()> step = std::move(waiting().front());
        waiting().pop_front();
        ++steps_done;
        step();
    }
}
void finish() { finish(steps_done + waiting().size()); }

void run_or_queue(const std::function<void()>& step, bool asynchronous) {
    if (asynchronous || !waiting().empty()) return waiting().push_back(step);
    ++steps_done;
    step();
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

// Takes a step up, or records it where the stream captures.
cudaError_t submit(cudaStream_t stream, std::function<void()> step, bool asynchronous = false) {
    if (!stream && forbidden()) return result(cudaErrorStreamCaptureUnsupported);
    if (stream && stream->capture)
        stream->capture->steps.push_back(std::move(step));
    else
        run_or_queue(step, asynchronous);
    return cudaSuccess;
}

// A pointer is the host's or lies in a device allocation as a whole.
bool crosses_device_memory(const void* address, size_t bytes) { return is_device_memory(address) && !is_device_range(address, bytes); }

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
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

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

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
    finish();
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 12040;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    if (forbidden() && !may_allocate) return result(cudaErrorStreamCaptureUnsupported);
    *memory = bytes ? device_allocate(bytes) : nullptr;
    return result(bytes && !*memory ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaFree(void* memory) {
    if (!forbidden()) finish();
    return result(!memory || device_free(memory) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = allocate_exact(bytes, 256);
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
    return submit(
        stream, [=] { std::memcpy(to, from, bytes); }, comes || goes);
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind);
    if (status == cudaSuccess && !(is_device_memory(to) && is_device_memory(from))) finish();  // within the device nobody waits for it
    return status;
}
cudaError_t cudaMemsetAsync(void* to, int byte, size_t bytes, cudaStream_t stream) {
    if (bytes == 0) return cudaSuccess;
    if (!is_device_range(to, bytes)) return result(cudaErrorInvalidValue);
    return submit(stream, [=] { std::memset(to, byte, bytes); });
}
cudaError_t cudaMemset(void* to, int byte, size_t bytes) { return cudaMemsetAsync(to, byte, bytes); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = new CUstream_st;
    all_streams().push_back(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    std::erase(all_streams(), stream);
    delete stream;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream && stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    finish();
    return cudaSuccess;
}
// A stream that waits for an event of a capturing stream joins that capture.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (event->capture && stream) stream->capture = event->capture;
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new CUevent_st;
    return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->capture = stream ? stream->capture : nullptr;
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
    event->behind = steps_done + waiting().size();
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (event->capture) return result(cudaErrorStreamCaptureUnsupported);
    finish(event->behind);
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    if (!begin->recorded || !end->recorded) return result(cudaErrorInvalidValue);
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    if (!stream || stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    stream->capture = new CUgraph_st;
    stream->began = true;
    ++captures;
    may_allocate = mode == cudaStreamCaptureModeRelaxed;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    if (!stream || !stream->began) return result(cudaErrorStreamCaptureUnmatched);
    *graph = stream->capture;
    for (CUstream_st* other : all_streams())
        if (other->capture == *graph) other->capture = nullptr;
    stream->began = false;
    --captures;
    return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    *status = stream && stream->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runnable, cudaGraph_t graph, unsigned long long) {
    *runnable = new CUgraphExec_st{graph->steps};
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t runnable, cudaStream_t stream) {
    if (stream && stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    for (const auto& step : runnable->steps) run_or_queue(step, false);
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runnable) {
    delete runnable;
    return cudaSuccess;
}

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
    return submit(config.stream, [launch = std::move(launch)] { run(launch); });
}
