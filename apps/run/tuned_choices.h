// --tune: how each convolution is computed, measured once on a machine and kept for later runs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <string>

namespace purnet {

// While alive, convolutions take what was measured (kernels/runtime/choices.h: on the CPU those of plans, on a CUDA device all), and
// measure what is not known. The file of the user's cache, choices.json for the CPU and choices-cuda.json for CUDA devices, belongs to one
// processor or device, its driver, and one build of the program: one of another, and one that cannot be read, is refused with a warning and
// started anew. Written where anything is new: by save(), by keep_tuned_choices(), and at the end of its life, that of a run which fails
// too; a file that can't be written is a warning.
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
    std::mutex mutex_;
    size_t saved_ = 0;
    TunedChoices* outer_;
};

// Saves what was measured since the last time by the TunedChoices that lives, if one does: for programs to call after a piece of work, so
// that a run which is killed need not be measured again. A few microseconds where nothing was.
void keep_tuned_choices();

// For the checkpoint of a run: the machine, as files of choices name it, and the choices that were computed with, as JSON.
std::string choices_record();
// Why a process that goes on from such a record may compute other bits than the one that wrote it, as a part of a sentence; empty: it will
// not, for all that is known here.
std::string other_choices(const std::string& record);

}  // namespace purnet
