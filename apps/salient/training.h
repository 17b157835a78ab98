// Trains a network through its stages: what `train` does.
//
// Each stage has its own network form (the first without attentions), optimiser state and schedule, and begins with the
// weights of the one before. Everything random is a function of (seed, stage, step), so a run that stops anywhere and resumes
// equals the unbroken one bit for bit on one machine type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/salient/train_config.h"

namespace purnet {

struct TrainResult {
    bool interrupted = false;
    bool resumable = true;                 // else it was interrupted before there was anything to go on with
    double best_max_f = -1, best_mae = 2;  // of the best validation
    int64_t best_at = 0;
    int64_t steps = 0;
};

// Going on from the last checkpoint of the folder that config.out names, with the options stored there.
struct Resume {
    std::vector<std::string> replaced;  // options whose values in `config` count instead: those of may_change_on_resume()
    bool accept_changed_data = false;   // files of other contents are a warning, no error
};

// Where the data lies and how fast it comes: options that leave every bit of a run as it is.
bool may_change_on_resume(const std::string& option);

// Begins a run, or goes on with one.
TrainResult train(TrainConfig config, const std::optional<Resume>& resume = {});

}  // namespace purnet
