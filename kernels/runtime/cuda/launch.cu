#include "kernels/runtime/cuda/launch.h"

#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/scope.h"

namespace purnet::cuda {

void fail_call(cudaError_t status, const char* call, const std::string& detail) {
    cudaGetLastError();  // so that the next check does not report this one again
    const std::string scope = scope_text();
    fail(scope, scope.empty() ? "" : ": ", call, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")",
         detail.empty() ? "" : "; ", detail);
}

namespace detail {

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

void check_launch(cudaError_t status, dim3 grid, dim3 block, size_t shared_bytes) {
    static const bool synchronise = [] {
        const char* wish = std::getenv("PURNET_CUDA_SYNC");
        return wish && *wish && *wish != '0';
    }();
    const char* call = "kernel launch";
    if (status == cudaSuccess && synchronise) {
        status = cudaDeviceSynchronize();
        call = "kernel";
    }
    if (status == cudaSuccess) return;
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
