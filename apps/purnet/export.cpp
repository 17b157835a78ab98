#include <filesystem>

#include "apps/purnet/command.h"
#include "apps/purnet/notes.h"
#include "apps/run/console.h"
#include "apps/salient/calibration.h"
#include "apps/salient/prediction.h"
#include "core/formats/safetensors.h"
#include "core/formats/weights_file.h"
#include "nets/average.h"
#include "nets/name_maps.h"

namespace purnet::app {
namespace {

namespace fs = std::filesystem;

struct Settings {
    std::string weights, out;
    int size = 0;
    bool half = false;
    std::vector<std::string> average, calibrate, notes;
};

// "licence=CC BY" -> the note's key in the file, and its text.
std::pair<std::string, std::string> note_of(const std::string& text) {
    const size_t equal = text.find('=');
    if (equal == std::string::npos || equal == 0) throw UsageError("--note " + text + ": write NAME=TEXT");
    return {"note." + text.substr(0, equal), text.substr(equal + 1)};
}

// Training steps that the file tells of, in its notes or as PyTorch's batch norms count them; 0 where it does not.
int64_t steps_of(const NamedArrays& arrays) {
    if (const auto note = arrays.metadata.find("trained.steps"); note != arrays.metadata.end())
        return std::strtoll(note->second.c_str(), nullptr, 10);
    for (const auto& [name, array] : arrays)
        if (name.ends_with("num_batches_tracked") && array.count() == 1) return to_int64(array)[0];
    return 0;
}

void average_with(PurNet& net, const std::vector<std::string>& files) {
    std::vector<std::unique_ptr<PurNet>> read;
    std::vector<std::pair<std::string, PurNet*>> others;
    for (const std::string& file : files) {
        read.push_back(network_of(load_named_arrays(file), file));
        others.emplace_back(file, read.back().get());
    }
    average_into(net, others);
}

int run(const Settings& s) {
    std::vector<std::pair<std::string, std::string>> noted;
    for (const std::string& note : s.notes) noted.push_back(note_of(note));
    std::error_code ignored;
    if (fs::equivalent(s.weights, s.out, ignored)) throw UsageError("--out is the file that --weights reads: name another");
    for (const std::string& file : s.average)
        if (fs::equivalent(file, s.out, ignored)) throw UsageError("--out is a file that --average reads: name another");
    NamedArrays source = load_named_arrays(s.weights);
    const int64_t steps = steps_of(source);
    const std::map<std::string, std::string> metadata = source.metadata;
    const std::unique_ptr<PurNet> net = network_of(std::move(source), s.weights);
    if (!s.average.empty()) average_with(*net, s.average);
    NamedArrays arrays = weights_of(*net, steps);
    if (s.size) arrays.metadata["size"] = std::to_string(s.size);
    if (!s.calibrate.empty()) {
        std::vector<fs::path> pictures;
        for (const PredictionJob& job : prediction_jobs(s.calibrate, s.out)) {
            require(job.problem.empty(), job.problem);
            pictures.push_back(job.input);
        }
        const Ranges ranges = calibrate(*net, s.size ? s.size : net->config().size, pictures);
        arrays.metadata["ranges"] = ranges_text(ranges);
        say("ranges of ", ranges.size(), " convolutions' inputs from ", std::min(pictures.size(), most_calibration_pictures), " pictures");
    }
    for (const auto& [key, value] : metadata)
        // Validation was of the first network, not of the mean.
        if (is_note(key) && (s.average.empty() || !key.starts_with("validation."))) arrays.metadata[key] = value;
    if (!s.average.empty()) arrays.metadata["trained.averaged"] = concat(s.average.size() + 1, " networks");
    for (const auto& [key, value] : noted) {
        if (value.empty())
            arrays.metadata.erase(key);
        else
            arrays.metadata[key] = value;
    }
    if (s.half)
        for (size_t i = 0; i < arrays.size(); ++i) {
            Array& array = arrays[i].array;
            if (array.dtype != FileDType::f32 || array.shape.size() < 2) continue;  // vectors weigh nothing and variances may be tiny
            array = convert(array, FileDType::f16);
            require(first_non_finite(array) < 0, s.weights, ": tensor ", arrays[i].name,
                    " has values beyond float16's range; export without --half");
        }
    write_safetensors(s.out, arrays);
    say(s.out, ": ", arrays.size(), " tensors, ", fs::file_size(s.out) >> 10, " KiB");
    return all_fine;
}

}  // namespace

Run add_export(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet export --weights runs/first/best.safetensors --half --out salient.safetensors", "half the size, to hand on");
    options.example("purnet export --weights PurNet.pth --out PurNet.safetensors", "a published checkpoint, checked, under the same names");
    options.example("purnet export --weights runs/b/final.safetensors --average runs/a/final.safetensors --out both.safetensors",
                    "the mean of a network and the one it was fine-tuned from");
    options.group("Files");
    options.value("--weights", s->weights, "FILE", "a network: .safetensors, .pth or a checkpoint of train")->required();
    options.value("--out", s->out, "FILE", "the .safetensors to write")->required();
    options.value(
        "--average", s->average, "FILE",
        "further networks of the same family: the mean of all their weights is exported, often better than each (docs/training.md)");
    options.value("--size", s->size, "N", "side of the network's input that predict takes by itself; 0: as it was trained")
        ->check(network_side());
    options.value("--calibrate", s->calibrate, "PICTURE",
                  "files or folders: measure on them (64 at most) the ranges that predict --precision int8 needs");
    options.value("--note", s->notes, "NAME=TEXT",
                  "kept in the file and shown by info: data, licence, figures, whatever who gets the file should know; empty: taken out");
    options.flag("--half", s->half, "kernels as float16 (vectors stay float32)");
    return [s] { return run(*s); };
}

}  // namespace purnet::app
