// Trains a network through its stages: what `train` does.
//
// Each stage has its own network form (the first without attentions), optimiser state and schedule, and begins with the
// weights of the one before. Everything random is a function of (seed, stage, step), so a run that stops anywhere and resumes
// equals the unbroken one bit for bit on one machine type.
#pragma once

#include <cstdint>

#include "apps/salient/train_config.h"

namespace purnet {

struct TrainResult {
    bool interrupted = false;
    bool resumable = true;                 // else it was interrupted before there was anything to go on with
    double best_max_f = -1, best_mae = 2;  // of the best validation
    int64_t best_at = 0;
    int64_t steps = 0;
};

// `resume`: go on from the folder's last checkpoint with the options stored there (config.out names the folder).
TrainResult train(TrainConfig config, bool resume);

}  // namespace purnet
