// The CUDA devices of this machine and their limits.
#pragma once

#include <cstddef>
#include <string>

namespace purnet::cuda {

struct DeviceInfo {
    std::string name;
    int major = 0, minor = 0;  // compute capability
    int multiprocessors = 0;
    size_t memory = 0;         // bytes
    size_t l2 = 0;             // bytes
    size_t shared_opt_in = 0;  // bytes of shared memory one block may have

    bool at_least(int wanted_major, int wanted_minor = 0) const {
        return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
    }
};

// 0 where there is no device or no driver; why_no_device() then says what the driver said.
int device_count();
std::string why_no_device();

const DeviceInfo& device_info(int device);

// The device that choose_device (kernels/runtime/accelerators.h) took becomes the calling thread's: CUDA keeps one a thread.
void enter_device();

}  // namespace purnet::cuda
