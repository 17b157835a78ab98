// The engine as a contestant of frameworks/compare.py: prepares a task, runs it on request, and shows its results for checking.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/plan/plan.h"
#include "kernels/runtime/device.h"

namespace purnet {

struct ContestOptions {
    std::string task = "level1";  // or train
    std::filesystem::path weights;
    std::filesystem::path data;  // input.npy; for training also mask.npy, labels.npy
    int warmup = 3;
    Device device;
    // Pictures (uint8 K,H,W,3 .npy) whose ranges let level1 run in 8 bits; empty: float32. Not for training.
    std::filesystem::path calibration;
    // On the CPU the convolutions of level1, not together with calibration; on a CUDA device all activations of either task.
    bool bf16 = false;
};

class Contest {
public:
    virtual ~Contest() = default;
    // One run; the milliseconds of the work itself.
    virtual double run() = 0;
    // map.npy of the last run; nothing for training.
    virtual void dump(const std::filesystem::path& folder) = 0;
    // What compare.py holds against the float64 reference, from runs of its own.
    virtual void check(const std::filesystem::path& folder) = 0;
    // How a device was made to compute in the runs so far: "launched as one graph", or "launched kernel by kernel: WHY"; empty on the host.
    // Times of the one are no times of the other.
    virtual std::string launched() = 0;
    // Where the time goes, step by step; training throws.
    virtual std::vector<StepTime> profile(int runs) = 0;
};

std::unique_ptr<Contest> make_contest(const ContestOptions& options);

// Speaks the protocol of frameworks/README.md on stdin and stdout until "quit".
void serve(Contest& contest, int warmup, const std::string& precision);

}  // namespace purnet
