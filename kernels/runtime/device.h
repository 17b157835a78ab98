// Where a computation runs, and what a kernel is handed to run there.
#pragma once

#include <cstdint>
#include <string>

namespace purnet {

// reference: float64 on the CPU, written for clarity; exists where the op records are linked in (tests, benchmarks).
enum class DeviceType : uint8_t { cpu, cuda, reference };

struct Device {
    DeviceType type = DeviceType::cpu;
    int index = 0;

    bool operator==(const Device&) const = default;
    bool on_host() const { return type != DeviceType::cuda; }
};

std::string name_of(const Device& device);

// Handed to every kernel call. `stream` is a cudaStream_t on CUDA and null elsewhere.
struct Context {
    Device device;
    void* stream = nullptr;
};

}  // namespace purnet
