// What a run learns from and what it judges itself by: the data sets, their split, and the batches of each stage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/salient/run_folder.h"
#include "apps/salient/validation.h"
#include "data/loader/loader.h"
#include "data/source/dataset.h"

namespace purnet {

class TrainingData {
public:
    // Opens --data and --val and says what they hold. Without --val a part of --data is held out, near-duplicates on the same side;
    // a resumed run keeps the split that its folder holds. Error where the data is not what the run began with: other names, or files of
    // other contents, unless `accept_changes` makes these a warning. The configuration must outlive this object, and this object the
    // loaders. `computes`: the device of the steps, which may augment the pictures (--augment-on).
    TrainingData(const TrainConfig& config, const RunFolder& folder, bool resume, bool accept_changes, Device computes = {});
    TrainingData(const TrainingData&) = delete;
    TrainingData& operator=(const TrainingData&) = delete;

    size_t pictures() const { return items_.size(); }
    size_t held_out() const { return held_out_.size(); }
    // Of names and contents of the pictures trained on, and of those held out, in order: tell two runs' data apart.
    std::string hash() const;
    std::string held_out_hash() const;

    // What carries the changes of the pictures out: host, the loader, or device, the steps.
    std::string augmented_on() const { return in_steps_ ? "device" : "host"; }
    // Batches from `first` on; which pictures they hold is a function of (seed, stage, batch) alone.
    Loader loader(int stage, int64_t first = 0) const;
    // The first of them as the files hold it: no augmentation, at --size.
    Batch plain_batch(int stage) const;
    // Nothing where nothing is held out.
    std::optional<Validator> validator() const;

private:
    bool validates_apart() const { return !config_.val.empty(); }
    std::vector<int64_t> draw_held_out(bool resume) const;
    LoaderOptions loader_options(int stage) const;

    const TrainConfig& config_;
    bool in_steps_;  // pictures are augmented
    DataSet set_, val_set_;
    std::vector<std::string> contents_, val_contents_;  // a hash of each of their pairs
    std::vector<int64_t> items_, held_out_;             // held_out_ is of val_set_ where there is one, else of set_
    std::shared_ptr<SuperpixelCache> superpixel_cache_;
};

}  // namespace purnet
