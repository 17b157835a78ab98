#include "apps/salient/training_data.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "apps/run/console.h"
#include "apps/run/user_cache.h"
#include "apps/salient/stage.h"
#include "data/check/held_out.h"
#include "data/check/perceptual_hash.h"

namespace purnet {
namespace {

std::string names_hash(const DataSet& set, const std::vector<int64_t>& items) {
    uint64_t hash = 0;
    for (const int64_t i : items) {
        const std::string& name = set.name(static_cast<size_t>(i));
        hash = content_hash(name.data(), name.size(), hash);
    }
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

std::vector<int64_t> all_of(const DataSet& set) {
    std::vector<int64_t> items(set.size());
    std::iota(items.begin(), items.end(), int64_t{0});
    return items;
}

std::shared_ptr<SuperpixelCache> open_superpixel_cache(const TrainConfig& config) {
    if (config.superpixel_cache.empty()) return nullptr;
    std::filesystem::path folder = config.superpixel_cache;
    if (folder == "auto") folder = user_cache("superpixels");
    say("superpixels are kept in ", folder.string());
    return std::make_shared<SuperpixelCache>(folder, static_cast<uint64_t>(config.superpixel_cache_mb) << 20,
                                             [](const std::string& text) { warn(text); });
}

}  // namespace

TrainingData::TrainingData(const TrainConfig& config, const RunFolder& folder, bool resume) : config_(config) {
    set_ = open_data(config.data);
    say(set_.describe());
    const std::optional<RunData> begun = resume ? folder.read_data() : std::nullopt;
    RunData data{static_cast<int64_t>(set_.size()), names_hash(set_, all_of(set_)), {}, {}};
    if (begun)
        require(begun->pairs == data.pairs && begun->names == data.names, config.out, ": the run began with ", begun->pairs,
                " pairs, and --data now has ", data.pairs, begun->pairs == data.pairs ? " with other names" : "",
                "; put them back as they were, or begin another run with --init-from");
    if (!config.val.empty()) {
        val_set_ = open_data(config.val);
        say("validation: ", val_set_.describe());
        held_out_ = all_of(val_set_);
        items_ = all_of(set_);
    } else {
        data.held_out = begun ? begun->held_out : draw_held_out(resume);
        held_out_ = data.held_out;
        for (int64_t i = 0; i < data.pairs; ++i)
            if (!std::binary_search(held_out_.begin(), held_out_.end(), i)) items_.push_back(i);
        for (const int64_t i : held_out_) data.held_out_names.push_back(set_.name(static_cast<size_t>(i)));
        say(items_.size(), " pictures to train on, ", held_out_.size(), " held out for validation");
    }
    if (!begun) folder.write_data(data);
    superpixel_cache_ = open_superpixel_cache(config);
}

std::vector<int64_t> TrainingData::draw_held_out(bool resume) const {
    std::vector<int64_t> groups = all_of(set_);
    if (resume) {
        say("this run began before near-duplicates were held out together; it keeps its pictures");
    } else if (config_.val_fraction > 0) {
        groups = alike_groups(set_);
        int64_t alike = 0;
        for (size_t i = 0; i < groups.size(); ++i) alike += groups[i] != static_cast<int64_t>(i);
        if (alike > 0) say(alike, " pictures are near-duplicates of others; they stay on the same side of the split");
    }
    return hold_out(groups, config_.val_fraction, config_.seed).held_out;
}

std::string TrainingData::hash() const { return names_hash(set_, items_); }

LoaderOptions TrainingData::loader_options(int stage) const {
    LoaderOptions o;
    o.size = config_.size;
    o.multi_scale = config_.multi_scale;
    o.batch = config_.batch[static_cast<size_t>(stage - 1)];
    o.seed = config_.seed * 4 + static_cast<uint64_t>(stage);
    o.augment.flip = config_.flip;
    o.augment.rotate = config_.rotate;
    o.augment.crop = config_.crop;
    o.augment.brightness = o.augment.contrast = o.augment.saturation = config_.jitter;
    const bool structural = config_.structural && network_config(config_, stage, false).has_structural_loss() && stage != 2;
    o.superpixels = structural ? config_.superpixels : 0;
    o.compactness = config_.compactness;
    o.superpixel_cache = structural ? superpixel_cache_ : nullptr;
    o.workers = config_.workers;
    o.cache_bytes = static_cast<size_t>(config_.cache_mb) << 20;
    return o;
}

Loader TrainingData::loader(int stage, int64_t first) const { return Loader(set_, items_, loader_options(stage), first); }

Batch TrainingData::plain_batch(int stage) const {
    LoaderOptions o = loader_options(stage);
    o.multi_scale.clear();
    o.augment = {.flip = false};
    o.depth = 1;
    return Loader(set_, items_, o).next();
}

std::optional<Validator> TrainingData::validator() const {
    if (held_out_.empty()) return std::nullopt;
    return Validator(config_.val.empty() ? set_ : val_set_, held_out_, config_.size);
}

}  // namespace purnet
