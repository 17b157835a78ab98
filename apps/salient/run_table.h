// Runs side by side as a Markdown table: those that differ in their seed alone are one row, with the mean over the seeds and how far they
// lie apart. For comparisons that are to be believed, such as ablations.
//
// For each figure x with seeds x_1 .. x_n:  mean m = sum x_i / n,  s = sqrt(sum (x_i - m)^2 / (n - 1)). The noise that the table ends with
// is s pooled over all rows with several seeds, sqrt(sum over rows of (n - 1) s^2 / sum of (n - 1)); a difference of two means of n seeds
// has the standard deviation s sqrt(2 / n).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace purnet {

// A row's figures are those of each run's last validation and, where every run's folder holds `scores.json` (of eval --json), the figures
// in there. Rows stand in the order of the runs and are named by the options in which they differ. Errors: a folder without log, without
// validation, or not at its end; no folder.
std::string run_table(const std::vector<std::filesystem::path>& runs);

}  // namespace purnet
