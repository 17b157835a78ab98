// One HTML page about training runs: curves, figures, options, and pictures with what the network drew.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace purnet {

struct RunReportOptions {
    std::vector<std::filesystem::path> runs;  // several stand side by side in the charts; pictures are by the first one's best weights
    std::filesystem::path scores;             // JSON of `eval`, for its table
    std::vector<std::string> pictures;        // a data set: pictures with masks, the best and worst are shown
    std::vector<std::string> photos;          // files or folders without masks
    std::filesystem::path beside;             // weights of another network for the photographs; empty: none
    int shown = 8;                            // of the best and of the worst
    std::filesystem::path out;
};

void write_run_report(const RunReportOptions& options);

}  // namespace purnet
