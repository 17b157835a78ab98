// Rows of measurements as a table on stdout, as a JSON file, and against such a file of an earlier run.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/formats/atomic_file.h"
#include "kernels/ceiling/ceiling.h"

namespace purnet::bench {

// What a row says beyond its times.
struct Figure {
    std::string name;  // in the JSON file
    double value = 0;
    std::string text;  // in the table
};

struct Row {
    std::string name;
    std::vector<double> seconds;  // of each run
    double flops = 0, bytes = 0;  // of a run; 0: not known
    std::vector<Figure> figures = {};
};

// The least, the median, and the spread: the distance of the quartiles as a share of the median.
struct Summary {
    double best = 0, median = 0, spread = 0;
};
Summary summary_of(std::vector<double> seconds);

// Error: no row's name begins so.
void require_rows(size_t count, const std::string& filter);

class Report {
public:
    // `what` the names in the first column are, `width` columns of them. An Error at once where `compare` is no report or `json` cannot be
    // written: not after minutes of measuring.
    Report(const std::string& what, int width, const std::string& json, const std::string& compare);

    // Of the rows that follow: where they run, and what can be reached there. The first ones head the JSON file, with `more`.
    void place(const std::string& where, const ceiling::Ceilings& ceilings, const nlohmann::json& more);
    // Best of the runs counts: for rates, shares and the ratio to the earlier run.
    void add(const Row& row);
    // Writes the JSON file. Error where there was no row, since no name begins with `filter`.
    void finish(const std::string& filter);

private:
    std::string what_;
    int width_;
    std::optional<AtomicFile> file_;
    std::map<std::string, double> before_;  // best_ms by name
    ceiling::Ceilings ceilings_;
    nlohmann::json json_;
};

}  // namespace purnet::bench
