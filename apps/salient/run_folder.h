// What a training run leaves behind, and how it goes on.
//
//     config.json           every option, with the numbers of steps that --minutes fixed
//     data.json             which data, and which of them are held out
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

#include "apps/salient/train_config.h"
#include "core/formats/array.h"

namespace purnet {

struct TrainPosition {
    int stage = 1;
    int64_t step = 0;                      // steps of this stage that are done
    int64_t total_steps = 0;               // of all stages so far
    double best_max_f = -1, best_mae = 2;  // of the best validation
    int64_t best_at = 0;                   // its total_steps
    int64_t validations_since_best = 0;
    bool finished = false;
};

nlohmann::json to_json(const TrainPosition& position);
TrainPosition train_position_from_json(const nlohmann::json& json);

// What tells whether a data set is still the one that a run began with.
struct SetRecord {
    int64_t pairs = 0;
    std::string names;                  // hash of all names in order
    std::vector<std::string> contents;  // hash of each pair (data/check/contents.h); empty in folders of earlier versions
};

// What a run was begun with: held fast, so that a resumed run judges itself by the same pictures.
struct RunData : SetRecord {
    std::optional<SetRecord> validation;      // with --val
    std::vector<int64_t> held_out;            // ascending; empty with --val
    std::vector<std::string> held_out_names;  // for readers of the file
};

class RunFolder {
public:
    // Makes the folder, unless it must be there already, and locks it: Error where another process trains in it.
    explicit RunFolder(const std::filesystem::path& path, bool must_exist = false);
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    std::filesystem::path file(const char* name) const { return path_ / name; }
    bool has_checkpoint() const;

    void write_config(const TrainConfig& config) const;
    TrainConfig read_config() const;

    void write_data(const RunData& data) const;
    // Nothing for a run begun before this file was written. Error for a damaged one.
    std::optional<RunData> read_data() const;

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
