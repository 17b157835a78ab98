// Batches for training, prepared by threads beside the step.
//
// Which pictures make batch k, and what is drawn for them, are functions of (seed, k, place in the batch) alone: a run resumes
// at any step and sees what the unbroken one saw, whatever the number of workers. Position p = k * batch + j of the endless
// sequence is picture permutation(epoch p / n)[p mod n].
//
// A picture is read, resized to the network's size (bilinear as Pillow does it; mask nearest) and cut into superpixels; this
// much is kept in memory while the cache has room. Then, per use, the augmentation and the batch's scale.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/augment/augment.h"
#include "data/loader/batch.h"
#include "data/source/dataset.h"
#include "data/superpixels/cache.h"

namespace purnet {

struct LoaderOptions {
    int size = 320;                // pixels of a side
    std::vector<int> multi_scale;  // sides drawn from, a batch each; empty: size
    int batch = 8;
    uint64_t seed = 1;
    AugmentOptions augment;
    // Else batches come with pictures as prepared, and their changes: they become the same bytes where they are used.
    bool carry_out = true;
    int superpixels = 256;  // 0: no labels are made
    double compactness = 10;
    std::shared_ptr<SuperpixelCache> superpixel_cache;  // null: computed at a picture's first use
    int workers = 1;
    int depth = 3;  // batches ready ahead of the step
    size_t cache_bytes = size_t{4} << 30;
};

class Loader {
public:
    // Batches from `first_step` on of those items of the set (all, if empty). The set must outlive the loader.
    Loader(const DataSet& set, std::vector<int64_t> items, const LoaderOptions& options, int64_t first_step = 0);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    // The next batch; waits for it. An unreadable picture throws here, with its name.
    Batch next();
    double seconds_waited() const;  // in next(), so far

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace purnet
