// What is thrown where a device has no memory left, and what such a device says of itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "kernels/runtime/device.h"
#include "kernels/runtime/error.h"

namespace purnet {

// By Block (memory.h): "conv2d (8x40x40x64, 64x3x3x64 -> 8x40x40x64) in layer decoder.up1: out of memory on cuda:0: 3.1 MiB wanted, 120.0
// MiB in use, 2.0 of 2048.0 MiB free; memory (MiB live / peak): ..."
class OutOfMemory : public Error {
public:
    using Error::Error;
    // The same with what somebody above knows: which batch would fit.
    OutOfMemory with(const std::string& advice) const { return OutOfMemory(what() + ("; " + advice)); }
};

// Bytes of a device that nobody has taken, and all of them.
struct DeviceMemory {
    size_t free = 0, total = 0;
};

// Who knows them: the CUDA runtime room registers its own before first use. The host has nobody.
void register_device_memory(DeviceType type, DeviceMemory (*ask)());
std::optional<DeviceMemory> device_memory(DeviceType type);

// What allocations can still have: free on the device, or kept for reuse. No value where nobody knows.
std::optional<size_t> available_memory(DeviceType type);

}  // namespace purnet
