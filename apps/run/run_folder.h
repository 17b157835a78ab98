// What a training run leaves behind, and how it goes on.
//
//     config.json           every option, with the numbers of steps that --minutes fixed
//     last.safetensors      network, optimiser, averaged weights and position: what --resume needs
//     best.safetensors      the network of the best validation, ready for `predict`
//     final.safetensors     the network at the end (the averaged weights where there are any)
//     log.jsonl             one record a line
//     tensorboard/          the same as event files, with panels of held-out pictures
//     lock                  held while a process trains here
// Files appear whole or not at all; `last` carries a checksum of its data.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/run/train_config.h"
#include "core/formats/array.h"

namespace purnet {

struct TrainPosition {
    int stage = 1;
    int64_t step = 0;         // steps of this stage that are done
    int64_t total_steps = 0;  // of all stages so far
    double best_max_f = -1;
    int64_t best_at = 0;  // total_steps of the best validation
    int64_t validations_since_best = 0;
    bool finished = false;
};

nlohmann::json to_json(const TrainPosition& position);
TrainPosition train_position_from_json(const nlohmann::json& json);

class RunFolder {
public:
    // Makes the folder and locks it: Error where another process trains in it.
    explicit RunFolder(const std::filesystem::path& path);
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    std::filesystem::path file(const char* name) const { return path_ / name; }
    bool has_checkpoint() const;

    void write_config(const TrainConfig& config) const;
    TrainConfig read_config() const;

    void write_checkpoint(const NamedArrays& arrays, const TrainPosition& position) const;
    struct Checkpoint {
        NamedArrays arrays;
        TrainPosition position;
    };
    // Error in words for a truncated, foreign or damaged file.
    Checkpoint read_checkpoint() const;

private:
    std::filesystem::path path_;
    int lock_ = -1;
};

}  // namespace purnet
