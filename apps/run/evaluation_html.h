// An evaluation as a page to look at: figures, intervals, curves, the best and the worst pictures side by side.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "apps/run/evaluation_report.h"

namespace purnet {

struct EvaluationPage {
    std::optional<std::filesystem::path> images;  // photographs with the maps' names, shown beside them
    int64_t shown = 10;                           // pictures at either end
    int thumbnail = 240;                          // longer side, pixels
};

// Best and worst are those of the first method by MAE. A picture that cannot be read leaves its place empty.
std::string html_of(const EvaluationReport& report, const EvaluationPage& page);

}  // namespace purnet
