// Can the network learn one batch by heart? What cannot be learned of a dozen pictures will not be learned of ten thousand, and the reason
// is found in minutes instead of hours: masks that say nothing, pictures that contradict each other, a rate that goes nowhere.
//
// A network of its own is trained on the batch, again and again, at the rates of the run (constant, without averages), until the mean
// over pixels of |map - mask| is at most a quarter of what the best map of one grey for all pixels has, or for `most_steps` steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/salient/train_config.h"
#include "data/loader/loader.h"
#include "nets/purnet.h"

namespace purnet {

struct SelfTestOptions {
    int64_t most_steps = 300, look_every = 10;
};

// What cannot be learned from these pictures and masks, whatever the network: a line each, "NAME: what it is".
std::vector<std::string> batch_faults(const Batch& batch);

// Says how it goes. False: `stop` asked to end. Error, with the lines of batch_faults as warnings before it: the batch was not learned.
bool self_test(const TrainConfig& config, int stage, std::unique_ptr<PurNet> net, const Batch& batch, const std::function<bool()>& stop,
               const SelfTestOptions& options = {});

}  // namespace purnet
