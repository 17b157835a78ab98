// Predicts many pictures: one thread reads and resizes, the network runs, one thread renders and writes, all at the same time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/run/predictor.h"

namespace purnet {

struct PredictionOptions {
    std::filesystem::path out;
    std::vector<std::string> outputs = {"mask"};  // mask, cutout, overlay, sheet, attentions, levels
    bool npy = false;                             // NAME.npy: the map as float32 at the network's size
    bool sixteen_bit = false;                     // masks with 16 bits
    bool as_published = false;                    // to 8 bits first (times 255, truncated), then resized
    int batch = 1;
};

struct PredictionJob {
    std::filesystem::path input;
    std::filesystem::path output;  // below `out`, without suffix
};

// Files as they are, folders with all pictures below them (mirrored). Two inputs of one name get different outputs: the later one
// a number. Throws for what does not exist and for a folder without pictures.
std::vector<PredictionJob> prediction_jobs(const std::vector<std::string>& inputs);

struct PredictionResult {
    int64_t done = 0;
    std::vector<std::string> failures;  // a sentence each
    double network_seconds = 0, seconds = 0;
};

// Failing pictures are reported on stderr and the others go on. Never writes over an input. Stops where a signal asks for it.
PredictionResult predict_files(Predictor& predictor, const std::vector<PredictionJob>& jobs, const PredictionOptions& options);

// One picture from memory, all outputs asked for: file suffix -> bytes ("" + ".png" is the mask).
struct RenderedFile {
    std::string suffix;  // ".png", "_cutout.png", ".npy", ...
    std::vector<uint8_t> bytes;
};
std::vector<RenderedFile> render_outputs(Predictor& predictor, const Image& rgb, const std::vector<float>& map,
                                         const PredictionOptions& options);

// STEM + suffix of each, folders made as needed.
void write_rendered(const std::vector<RenderedFile>& files, const std::filesystem::path& stem);

}  // namespace purnet
