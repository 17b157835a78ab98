#include "apps/bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "kernels/runtime/error.h"
#include "kernels/runtime/seconds.h"

namespace purnet::bench {
namespace {

std::map<std::string, double> earlier(const std::string& path) {
    std::map<std::string, double> rows;
    if (path.empty()) return rows;
    std::ifstream file(path);
    require(file.good(), "cannot read ", path);
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    require(json.is_object() && json.contains("rows") && json["rows"].is_array(), path, ": is no report of bench");
    for (const nlohmann::json& row : json["rows"]) {
        const bool sound =
            row.is_object() && row.contains("name") && row["name"].is_string() && row.contains("best_ms") && row["best_ms"].is_number();
        require(sound, path, ": is no report of bench: a row has no name or no best_ms");
        rows[row["name"].get<std::string>()] = row["best_ms"].get<double>();
    }
    return rows;
}

// A rate and its share of the ceiling; dashes where they are not known.
void print_rate(double rate, int decimals, double ceiling) {
    if (rate > 0)
        std::printf(" %9.*f", decimals, rate);
    else
        std::printf(" %9s", "-");
    if (rate > 0 && ceiling > 0)
        std::printf(" %5.0f%%", 100 * rate / ceiling);
    else
        std::printf(" %6s", "-");
}

}  // namespace

Summary summary_of(std::vector<double> seconds) {
    require(!seconds.empty(), "a row without a run");
    std::sort(seconds.begin(), seconds.end());
    const size_t n = seconds.size();
    const double median = seconds[n / 2];
    return {seconds.front(), median, (seconds[3 * n / 4] - seconds[n / 4]) / median};
}

void require_rows(size_t count, const std::string& filter) {
    require(count > 0, "there is nothing to measure", filter.empty() ? "" : concat(" whose name begins with '", filter, "'"));
}

Report::Report(const std::string& what, int width, const std::string& json, const std::string& compare)
    : what_(what), width_(width), before_(earlier(compare)), json_{{"version", 1}, {"rows", nlohmann::json::array()}} {
    if (!json.empty()) file_.emplace(json);
}

void Report::place(const std::string& where, const ceiling::Ceilings& ceilings, const nlohmann::json& more) {
    ceilings_ = ceilings;
    std::printf("%s", where.c_str());
    if (ceilings.gflops > 0) std::printf("; ceilings: %.0f GFLOP/s, %.1f GB/s", ceilings.gflops, ceilings.gbytes);
    std::printf("\n%-*s %10s %10s %7s %9s %6s %9s %6s\n", width_, what_.c_str(), "best ms", "median", "spread", "GFLOP/s", "share", "GB/s",
                "share");
    std::fflush(stdout);
    if (json_.contains("device")) return;
    json_["device"] = where;
    json_["ceilings"] = {{"gflops", ceilings.gflops}, {"gbytes", ceilings.gbytes}};
    json_.update(more);
}

void Report::add(const Row& row) {
    const Summary times = summary_of(row.seconds);
    const double gflops = row.flops / times.best * 1e-9, gbytes = row.bytes / times.best * 1e-9;
    std::printf("%-*s %10.4f %10.4f %6.1f%%", width_, row.name.c_str(), 1e3 * times.best, 1e3 * times.median, 100 * times.spread);
    print_rate(gflops, 1, ceilings_.gflops);
    print_rate(gbytes, 2, ceilings_.gbytes);
    if (const auto old = before_.find(row.name); old != before_.end() && old->second > 0)
        std::printf("  %.2fx", 1e3 * times.best / old->second);
    for (const Figure& figure : row.figures) std::printf("  %s", figure.text.c_str());
    std::printf("\n");
    std::fflush(stdout);
    nlohmann::json json = {{"name", row.name},
                           {"best_ms", 1e3 * times.best},
                           {"median_ms", 1e3 * times.median},
                           {"spread", times.spread},
                           {"runs", row.seconds.size()}};
    const auto rate = [&](const std::string& name, double value, double ceiling) {
        if (value > 0) json[name] = value;
        if (value > 0 && ceiling > 0) json[name + "_share"] = value / ceiling;
    };
    rate("gflops", gflops, ceilings_.gflops);
    rate("gbytes", gbytes, ceilings_.gbytes);
    for (const Figure& figure : row.figures) json[figure.name] = figure.value;
    json_["rows"].push_back(std::move(json));
}

void Report::finish(const std::string& filter) {
    require_rows(json_["rows"].size(), filter);
    if (!file_) return;
    file_->write(json_.dump(1) + "\n");
    file_->commit();
}

}  // namespace purnet::bench
