#include "kernels/runtime/cuda/launch.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/scope.h"

namespace purnet::cuda {

void fail_call(cudaError_t status, const char* call, const std::string& detail) {
    cudaGetLastError();  // so that the next check does not report this one again
    const std::string scope = scope_text();
    fail(scope, scope.empty() ? "" : ": ", call, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")",
         detail.empty() ? "" : "; ", detail);
}

namespace {

// The streams on which a launch is what this thread put in last.
thread_local std::vector<cudaStream_t> behind_launch;

// The code that the device runs has the wait in it: it was compiled for compute capability 9.0 or newer. On a newer device the driver
// may have compiled it from instructions for 8.0, in which there is none.
bool waits(const void* kernel) {
    static std::mutex mutex;
    static auto* known = new std::map<std::pair<const void*, int>, bool>;
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    std::lock_guard lock(mutex);
    const auto [at, fresh] = known->try_emplace({kernel, device}, false);
    if (fresh) {
        cudaFuncAttributes attributes{};
        check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
        at->second = attributes.ptxVersion >= 90;
    }
    return at->second;
}

}  // namespace

// The default stream waits for others, and they for it.
void interrupt_launches(cudaStream_t stream) {
    if (stream)
        std::erase_if(behind_launch, [=](cudaStream_t other) { return other == stream || other == nullptr; });
    else
        behind_launch.clear();
}

namespace detail {

unsigned early_attribute(const void* kernel, cudaStream_t stream, cudaLaunchAttribute& attribute) {
    static const bool wanted = [] {
        const char* wish = std::getenv("PURNET_PDL");
        int driver = 0;
        check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
        return driver >= 12030 && (!wish || std::string_view(wish) != "0");  // older: graphs without edges of this kind
    }();
    if (!wanted || !waits(kernel)) return 0;
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed =
        std::find(behind_launch.begin(), behind_launch.end(), stream) != behind_launch.end();
    return 1;
}

void allow_shared(const void* kernel, size_t bytes) {
    static std::mutex mutex;
    static auto* allowed = new std::set<std::pair<const void*, int>>;
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    const size_t most = device_info(device).shared_opt_in;
    if (bytes > most) {
        const std::string scope = scope_text();
        fail(scope, scope.empty() ? "" : ": ", "a kernel wants ", bytes, " bytes of shared memory a block, ", device_info(device).name,
             " has ", most);
    }
    std::lock_guard lock(mutex);
    if (allowed->count({kernel, device})) return;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most)), "cudaFuncSetAttribute");
    allowed->insert({kernel, device});
}

void check_launch(cudaError_t status, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream) {
    static const bool synchronise = [] {
        const char* wish = std::getenv("PURNET_CUDA_SYNC");
        return wish && *wish && *wish != '0';
    }();
    const char* call = "kernel launch";
    if (status == cudaSuccess && synchronise) {
        status = cudaDeviceSynchronize();
        call = "kernel";
    }
    if (status == cudaSuccess) return behind_launch.push_back(stream);
    fail_call(status, call,
              concat("grid (", grid.x, ",", grid.y, ",", grid.z, "), block (", block.x, ",", block.y, ",", block.z, "), ", shared_bytes,
                     " bytes of dynamic shared memory"));
}

}  // namespace detail

unsigned blocks_for(int64_t count, int64_t per_block, int64_t limit) {
    require(count > 0 && per_block > 0 && limit > 0, "a launch of ", count, " items, ", per_block, " a block: nothing to run");
    const int64_t blocks = (count - 1) / per_block + 1;
    return static_cast<unsigned>(blocks < limit ? blocks : limit);
}

}  // namespace purnet::cuda
