// An evaluation in the forms in which people and programs read it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/run/evaluation.h"
#include "apps/run/svg_chart.h"
#include "apps/run/table.h"
#include "data/metrics/bootstrap.h"

namespace purnet {

struct EvaluationReport {
    metrics::Protocol protocol = metrics::Protocol::pysod;
    std::filesystem::path masks;
    std::vector<Evaluation> methods;                       // at least one
    std::vector<std::vector<metrics::Figures>> resamples;  // of the bootstrap, one list a method; empty without
    uint64_t seed = 0;
};

// One line a method, three decimals.
TextTable figures_table(const EvaluationReport& report);
// One line a figure: value and 95 % interval of every method, then of each one's difference to the first, on the same resamples
// (where both have the same images).
TextTable intervals_table(const EvaluationReport& report);
// Name, maximum, mean, adaptive, binary (per image and pooled), where ratios were measured.
TextTable ratios_table(const Evaluation& evaluation);

// The figures of every subfolder on its own: one a video, where frames lie in folders. Empty when there are no subfolders.
struct FolderResult {
    std::string name;
    int64_t images = 0;
    metrics::Figures figures;
};
std::vector<FolderResult> folders_of(metrics::Protocol protocol, const Evaluation& evaluation);
TextTable folders_table(const EvaluationReport& report);

// Full precision. The nine figures of the first method stand at the top, under the names of metrics::figure_names; `images`
// holds each of its images with the same keys, `folders` each subfolder; `methods` holds the same for every method. A figure that the
// protocol does not define is null. Schema "purnet-eval", version 1.
std::string json_of(const EvaluationReport& report);

// method,name,MAE,...: one line an image, full precision, undefined figures empty.
std::string csv_of(const EvaluationReport& report);

// Precision over recall, and F and E over the threshold, of every method (E under pysod only; nothing under purnet).
std::vector<Chart> charts_of(const EvaluationReport& report);

// Missing partners and failures in plain words, one sentence each; long lists are cut.
std::vector<std::string> complaints_of(const Evaluation& evaluation);

}  // namespace purnet
