// Predicts many pictures, the ones given or those that appear in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/salient/output_files.h"
#include "apps/salient/predictor.h"

namespace purnet {

// What to do where a file of the result is there already. Inputs are never written over, whatever this says.
enum class IfExists {
    overwrite,
    skip,    // a picture all of whose files are there is not predicted; else the missing ones are added
    rename,  // NAME-2, NAME-3, ...: all files of a picture under one number
    fail     // the picture counts as failed
};
IfExists if_exists_named(const std::string& name);
const std::vector<std::string>& if_exists_names();

struct PredictionOptions {
    std::filesystem::path out;
    OutputOptions output;
    IfExists if_exists = IfExists::overwrite;
    bool strict = false;                           // the first failure ends the work
    bool announce = false;                         // a line for every picture instead of a progress bar
    int batch = 1;                                 // 0: found on the way
    std::vector<std::filesystem::path> kept = {};  // further files that no result may replace: weights, a background
};

struct PredictionJob {
    std::filesystem::path input;
    std::filesystem::path output;  // below `out`, without suffix
    std::string problem = {};      // not empty: nothing to predict, and why; the job fails with it
};

// Names of results, no file of which two inputs share: x.jpg with the suffix _mask.png and x_mask.jpg with .png would.
class ResultNames {
public:
    explicit ResultNames(std::vector<std::string> suffixes) : suffixes_(std::move(suffixes)) {}
    // base, or base-2, base-3, ...: the first whose files are all free; they are taken then.
    std::string take(const std::string& base);
    void release(const std::string& name);

private:
    std::vector<std::string> suffixes_;
    std::set<std::string> files_;
};

// Files as they are, folders with all pictures below them (mirrored; not what lies in `out`, where `out` lies in such a folder). Inputs
// whose results, of these suffixes, would share a file get different names: the later one a number. A folder without pictures is a job with
// that problem.
std::vector<PredictionJob> prediction_jobs(const std::vector<std::string>& inputs, const std::filesystem::path& out,
                                           const std::vector<std::string>& suffixes = {".png"});

struct PredictionResult {
    int64_t done = 0, skipped = 0;
    std::vector<std::string> failures;  // a sentence each
    double network_seconds = 0, seconds = 0;
    int batch = 1;
};

// Failing pictures are reported on stderr and the others go on. Stops where a signal asks for it.
PredictionResult predict_files(Predictor& predictor, const std::vector<PredictionJob>& jobs, const PredictionOptions& options);

// Files that must not be written over, known by what they are and not by their names.
class Inputs {
public:
    explicit Inputs(const std::vector<std::filesystem::path>& files);
    bool contain(const std::filesystem::path& file) const;

private:
    std::vector<std::pair<uint64_t, uint64_t>> places_;  // device and inode, sorted
};

// Where the files of a picture go: `stem`, or for IfExists::rename the first numbered one that is free and not reserved. Empty: they
// are all there and to be skipped. Error: one is there and must not be, or is an input.
std::filesystem::path stem_for(const std::filesystem::path& stem, const std::vector<std::string>& suffixes, IfExists if_exists,
                               const Inputs& inputs, const std::set<std::filesystem::path>& reserved = {});

// STEM + suffix of each, folders made as needed; with IfExists::skip those that are not there.
void write_rendered(const std::vector<RenderedFile>& files, const std::filesystem::path& stem, IfExists if_exists);

}  // namespace purnet
