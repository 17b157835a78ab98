// --tune: how each convolution is computed, measured once on a machine and kept for later runs.
#pragma once

#include <filesystem>

namespace purnet {

// While alive, convolutions take what was measured (kernels/runtime/choices.h: on the CPU those of plans, on a CUDA device all), and
// measure what is not known. The file of the user's cache, choices.json for the CPU and choices-cuda.json for CUDA devices, belongs to one
// processor or device, its driver, and one build of the program: one of another, and one that cannot be read, is refused with a warning and
// started anew. Written by save(), where anything is new; a file that can't be written is a warning.
class TunedChoices {
public:
    TunedChoices();  // for computing_device()
    explicit TunedChoices(std::filesystem::path file);
    ~TunedChoices();
    TunedChoices(const TunedChoices&) = delete;
    TunedChoices& operator=(const TunedChoices&) = delete;

    void save();

private:
    std::filesystem::path file_;
    size_t saved_ = 0;
};

}  // namespace purnet
