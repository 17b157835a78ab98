// What a program can be told to compute on: the host always, and the CUDA devices that the CUDA room (kernels/runtime/cuda) registers
// where it is linked in. Nothing here needs a CUDA toolkit.
#pragma once

#include <string>
#include <vector>

#include "kernels/runtime/device.h"

namespace purnet {

// A library that may compute beside our own kernels.
struct LibraryReport {
    std::string name;     // "cublasLt"
    std::string version;  // "13.1.0"; empty: it cannot be used
    std::string detail;   // its file, or why it cannot be used
};

struct Accelerators {
    int (*count)() = nullptr;                             // 0 where there is no device or no driver
    std::string (*absence)() = nullptr;                   // why there is none, in the driver's words
    std::string (*describe)(int) = nullptr;               // "NVIDIA H200, sm_90, 141 GB"
    std::string (*objection)(int) = nullptr;              // why this device cannot be used; empty: it can
    std::string (*versions)() = nullptr;                  // "CUDA 13.0, driver 13.1"
    std::vector<LibraryReport> (*libraries)() = nullptr;  // opens them, which takes a while
};
// Returns those before.
Accelerators register_accelerators(const Accelerators& accelerators);

struct DeviceChoice {
    Device device;
    std::string because;  // one line for the user: what it is, and why this one
};

// "auto": the first CUDA device that can be used, else the CPU. "cpu". "cuda": the first that can be used; "cuda:N": that one; an Error
// says what is missing. A process computes on one CUDA device: another one later is an Error.
DeviceChoice choose_device(const std::string& wanted);
// The N of the CUDA device that this process computes on; -1: none was chosen, and CUDA takes what it takes by itself.
int chosen_accelerator();
// "NVIDIA H200, sm_90, 141 GB; CUDA 13.0, driver 13.1; cublasLt 13.1.0": that device and what can compute on it; empty where none was
// chosen.
std::string chosen_accelerator_text();
// Those that belong to CUDA devices, whether or not they are there.
std::vector<LibraryReport> accelerator_libraries();
// The names choose_device knows, whatever the machine has.
bool is_device_name(const std::string& name);

}  // namespace purnet
