#include "apps/salient/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/formats/atomic_file.h"
#include "core/formats/safetensors.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr const char* format_name = "purnet training checkpoint 1";

// Over names and bytes in order: a file cut or mixed by hand is noticed, not only one that fails to parse.
std::string checksum(const NamedArrays& arrays) {
    uLong crc = crc32_z(0, nullptr, 0);
    for (const auto& entry : arrays) {
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(entry.name.data()), entry.name.size());
        crc = crc32_z(crc, entry.array.bytes.data(), entry.array.bytes.size());
    }
    char text[16];
    std::snprintf(text, sizeof text, "%08lx", crc & 0xffffffffUL);
    return text;
}

nlohmann::json to_json(const SetRecord& set) { return {{"pairs", set.pairs}, {"names", set.names}, {"contents", set.contents}}; }

// False where it does not fit together; missing keys and wrong types are nlohmann's exceptions.
bool read_set(const nlohmann::json& json, SetRecord& set) {
    json.at("pairs").get_to(set.pairs);
    json.at("names").get_to(set.names);
    if (!json.contains("contents")) return true;
    json.at("contents").get_to(set.contents);
    return set.contents.empty() || static_cast<int64_t>(set.contents.size()) == set.pairs;
}

}  // namespace

nlohmann::json to_json(const TrainPosition& p) {
    return {{"stage", p.stage},
            {"step", p.step},
            {"total_steps", p.total_steps},
            {"best_max_f", p.best_max_f},
            {"best_mae", p.best_mae},
            {"best_at", p.best_at},
            {"validations_since_best", p.validations_since_best},
            {"finished", p.finished}};
}

TrainPosition train_position_from_json(const nlohmann::json& json) {
    TrainPosition p;
    try {
        json.at("stage").get_to(p.stage);
        json.at("step").get_to(p.step);
        json.at("total_steps").get_to(p.total_steps);
        json.at("best_max_f").get_to(p.best_max_f);
        if (json.contains("best_mae")) json.at("best_mae").get_to(p.best_mae);  // not in checkpoints of earlier versions
        json.at("best_at").get_to(p.best_at);
        json.at("validations_since_best").get_to(p.validations_since_best);
        json.at("finished").get_to(p.finished);
    } catch (const nlohmann::json::exception&) {
        fail("a training position misses a key or has one of the wrong type");
    }
    require(p.stage >= 1 && p.stage <= 3 && p.step >= 0 && p.total_steps >= p.step, "a training position of stage ", p.stage, ", step ",
            p.step, " makes no sense");
    return p;
}

RunFolder::RunFolder(const fs::path& path, bool must_exist) : path_(path) {
    std::error_code error;
    require(!must_exist || fs::is_directory(path, error), path.string(), ": there is no such run to resume");
    fs::create_directories(path, error);
    require(!error, path.string(), ": cannot be made: ", error.message());
    lock_ = open(file("lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    require(lock_ >= 0, path.string(), ": cannot be written: ", std::strerror(errno));
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        close(lock_);
        fail(path.string(), ": another process trains in this folder; choose another --out");
    }
    remove_unfinished_writes(path);  // of a killed run: with the lock held nobody else writes here
}

RunFolder::~RunFolder() { close(lock_); }

bool RunFolder::has_checkpoint() const {
    std::error_code ignored;
    return fs::exists(file("last.safetensors"), ignored);
}

void RunFolder::write_config(const TrainConfig& config) const { atomic_write(file("config.json"), to_json(config).dump(2) + "\n"); }

TrainConfig RunFolder::read_config() const {
    const fs::path path = file("config.json");
    std::ifstream stream(path);
    require(stream.good(), path.string(), ": cannot be read; is this a run folder?");
    const nlohmann::json json = nlohmann::json::parse(stream, nullptr, false);
    require(json.is_object(), path.string(), ": is not JSON");
    return train_config_from_json(json);
}

void RunFolder::write_data(const RunData& data) const {
    nlohmann::json json = to_json(static_cast<const SetRecord&>(data));
    if (data.validation) json["validation"] = to_json(*data.validation);
    json["held_out"] = data.held_out;
    json["held_out_names"] = data.held_out_names;
    // Names of files may be no valid UTF-8.
    atomic_write(file("data.json"), json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<RunData> RunFolder::read_data() const {
    const fs::path path = file("data.json");
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return std::nullopt;
    std::ifstream stream(path);
    const nlohmann::json json = nlohmann::json::parse(stream, nullptr, false);
    RunData data;
    bool good = json.is_object();
    try {
        if (good) {
            good = read_set(json, data);
            if (json.contains("validation")) good = read_set(json.at("validation"), data.validation.emplace()) && good;
            json.at("held_out").get_to(data.held_out);
            json.at("held_out_names").get_to(data.held_out_names);
        }
    } catch (const nlohmann::json::exception&) {
        good = false;
    }
    int64_t after = -1;
    for (const int64_t i : data.held_out) {
        good = good && i > after && i < data.pairs;
        after = i;
    }
    require(good, path.string(), ": damaged; the run can't go on without knowing which pictures were held out");
    return data;
}

void RunFolder::write_checkpoint(const NamedArrays& arrays, const TrainPosition& position) const {
    std::vector<NamedView> views;
    for (const auto& entry : arrays) views.push_back({entry.name, entry.array.dtype, entry.array.shape, entry.array.bytes.data()});
    std::map<std::string, std::string> metadata = arrays.metadata;
    metadata["format"] = format_name;
    metadata["position"] = to_json(position).dump();
    metadata["checksum"] = checksum(arrays);
    write_safetensors(file("last.safetensors"), views, metadata);
}

RunFolder::Checkpoint RunFolder::read_checkpoint() const {
    const fs::path path = file("last.safetensors");
    Checkpoint checkpoint;
    checkpoint.arrays = read_safetensors(path);
    const auto& metadata = checkpoint.arrays.metadata;
    const auto format = metadata.find("format"), position = metadata.find("position"), sum = metadata.find("checksum");
    require(format != metadata.end() && format->second == format_name && position != metadata.end() && sum != metadata.end(), path.string(),
            ": not a training checkpoint of this program");
    require(sum->second == checksum(checkpoint.arrays), path.string(), ": damaged: the checksum does not fit its data");
    const nlohmann::json json = nlohmann::json::parse(position->second, nullptr, false);
    require(json.is_object(), path.string(), ": damaged position");
    checkpoint.position = train_position_from_json(json);
    return checkpoint;
}

}  // namespace purnet
