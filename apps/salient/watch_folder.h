// Pictures that appear in folders, each when it is complete.
//
// The folders are looked through again and again (which also works on network file systems). A picture is taken once its size and time
// of change have stayed the same for `settle` seconds: one that is still being written is not read. One that changes later is taken again.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "apps/salient/prediction.h"

namespace purnet {

class FolderWatch {
public:
    // What lies in `out` is not looked at. Errors: a folder that is none; results that would appear among what is watched as if they
    // were inputs: `out` is one of the folders, or one of them lies in it.
    // suffixes: of the results of a picture.
    FolderWatch(const std::vector<std::string>& folders, const std::filesystem::path& out, double settle,
                const std::vector<std::string>& suffixes = {".png"});

    // Complete and not yet taken, in the order of their names. `now` in seconds of any clock that runs evenly.
    std::vector<PredictionJob> ready(double now);

private:
    struct Seen {
        uintmax_t size = 0;
        std::filesystem::file_time_type changed;
        double since = 0;
        bool taken = false, present = true;
        std::string output;
    };
    void look(const std::filesystem::path& folder, double now);

    std::vector<std::filesystem::path> folders_;
    std::filesystem::path out_;
    double settle_;
    std::map<std::filesystem::path, Seen> seen_;
    ResultNames names_;
};

// Until a signal comes.
PredictionResult predict_watched(Predictor& predictor, FolderWatch& watch, const PredictionOptions& options, double settle);

}  // namespace purnet
