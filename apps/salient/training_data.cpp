#include "apps/salient/training_data.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "apps/run/console.h"
#include "apps/run/user_cache.h"
#include "apps/salient/stage.h"
#include "data/check/contents.h"
#include "data/check/held_out.h"
#include "data/check/perceptual_hash.h"

namespace purnet {
namespace {

std::string hexadecimal(uint64_t hash) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

// Of the names of `items`, in order, and of their contents where `contents` are given.
std::string hash_of(const DataSet& set, const std::vector<int64_t>& items, const std::vector<std::string>* contents) {
    uint64_t hash = 0;
    const auto take = [&](const std::string& text) { hash = content_hash(text.data(), text.size(), hash); };
    for (const int64_t item : items) {
        const auto i = static_cast<size_t>(item);
        take(set.name(i));
        if (contents) take((*contents)[i]);
    }
    return hexadecimal(hash);
}

std::vector<int64_t> all_of(const DataSet& set) {
    std::vector<int64_t> items(set.size());
    std::iota(items.begin(), items.end(), int64_t{0});
    return items;
}

std::vector<std::string> contents_in(const DataSet& set) {
    std::vector<std::string> texts;
    for (const uint64_t hash : contents_of(set)) texts.push_back(hexadecimal(hash));
    return texts;
}

SetRecord record_of(const DataSet& set, const std::vector<std::string>& contents) {
    return {static_cast<int64_t>(set.size()), hash_of(set, all_of(set), nullptr), contents};
}

// Error, or with `accept_changes` a warning about contents, where a set is not what the run began with.
void compare(const SetRecord& begun, const SetRecord& now, const DataSet& set, const char* option, const TrainConfig& config,
             bool accept_changes) {
    require(begun.pairs == now.pairs && begun.names == now.names, config.out, ": the run began with ", begun.pairs, " pairs, and ", option,
            " now has ", now.pairs, begun.pairs == now.pairs ? " with other names" : "",
            "; put them back as they were, or begin another run with --init-from");
    if (begun.contents.empty()) return;  // of an earlier version, which kept names alone
    int64_t changed = 0;
    std::string first;
    for (size_t i = 0; i < now.contents.size(); ++i)
        if (begun.contents[i] != now.contents[i] && ++changed == 1) first = set.pair(i).image.shown();
    if (changed == 0) return;
    const std::string what =
        concat(config.out, ": of the ", now.pairs, " pairs of ", option, ", ", changed,
               " are not the files that the run began with (picture, mask or region labels), the first that of ", first);
    require(accept_changes, what, "; put them back, or go on with those there are now by --accept-changed-data");
    warn(what, "; it goes on with those there are now");
}

DataSet open_or_hint(const std::vector<std::string>& sources, const char* option, bool resume) {
    try {
        return open_data(sources);
    } catch (const Error& error) {
        if (!resume) throw;
        fail(error.what(), "; where the data has moved, --resume takes ", option);
    }
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

TrainingData::TrainingData(const TrainConfig& config, const RunFolder& folder, bool resume, bool accept_changes, Device computes)
    : config_(config), in_steps_(config.augment_on == "auto" ? !computes.on_host() : config.augment_on == "device") {
    set_ = open_or_hint(config.data, "--data", resume);
    say(set_.describe());
    contents_ = contents_in(set_);
    if (validates_apart()) {
        val_set_ = open_or_hint(config.val, "--val", resume);
        say("validation: ", val_set_.describe());
        val_contents_ = contents_in(val_set_);
    }
    const std::optional<RunData> begun = resume ? folder.read_data() : std::nullopt;
    RunData data{record_of(set_, contents_), {}, {}, {}};
    if (validates_apart()) data.validation = record_of(val_set_, val_contents_);
    if (begun) compare(*begun, data, set_, "--data", config, accept_changes);
    if (begun && begun->validation && data.validation)
        compare(*begun->validation, *data.validation, val_set_, "--val", config, accept_changes);
    if (validates_apart()) {
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
    folder.write_data(data);
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

std::string TrainingData::hash() const { return hash_of(set_, items_, &contents_); }

std::string TrainingData::held_out_hash() const {
    return validates_apart() ? hash_of(val_set_, held_out_, &val_contents_) : hash_of(set_, held_out_, &contents_);
}

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
    o.carry_out = !in_steps_;
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
    o.carry_out = true;
    o.depth = 1;
    return Loader(set_, items_, o).next();
}

std::optional<Validator> TrainingData::validator() const {
    if (held_out_.empty()) return std::nullopt;
    return Validator(validates_apart() ? val_set_ : set_, held_out_, config_.size);
}

}  // namespace purnet
