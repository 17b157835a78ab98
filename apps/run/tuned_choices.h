// --tune: how each convolution is computed, measured once on a machine and kept for later runs.
#pragma once

#include <filesystem>

namespace purnet {

// While alive, plans for the CPU take what was measured (kernels/conv2d/conv2d_choice.h), and measure what is not known. The file,
// choices.json of the user's cache, belongs to one processor and one build of the program: of another it is started anew, and so is one
// that cannot be read, with a warning. Written by save(), where anything is new; a file that can't be written is a warning.
class TunedChoices {
public:
    TunedChoices();
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
