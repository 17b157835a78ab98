#include "apps/salient/run_table.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/run/json_log.h"
#include "apps/run/table.h"
#include "apps/salient/training.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

struct Figure {
    const char* key;
    const char* shown;
};
constexpr Figure validated[] = {{"max_f", "held out: max-F"}, {"mae", "MAE"}};
constexpr Figure scored[] = {{"MAE", "test: MAE"}, {"Smeasure", "S"},  {"wFmeasure", "wF"}, {"adpFm", "adpF"},
                             {"meanFm", "mean F"}, {"maxFm", "max-F"}, {"meanEm", "mean E"}};
constexpr int decimals = 4;

// Where a run lies and where it was computed makes no other run of it.
bool compared(const std::string& option) {
    return !may_change_on_resume(option) && option != "out" && option != "seed" && option != "preset" && option != "init";
}

struct Run {
    std::map<std::string, std::string> options;
    std::vector<double> validation, scores;  // scores: none where there is no scores.json
};

double number(const Json& json, const char* key) { return json.contains(key) && json[key].is_number() ? json[key].get<double>() : NAN; }

std::vector<double> scores_of(const fs::path& path) {
    std::ifstream file(path);
    if (!file.good()) return {};
    const Json json = Json::parse(file, nullptr, false);
    require(json.is_object(), path.string(), ": is not the JSON of eval");
    std::vector<double> values;
    for (const Figure& figure : scored) values.push_back(number(json, figure.key));
    return values;
}

Run read_run(const fs::path& folder) {
    Run run;
    const std::vector<Json> records = read_json_log(folder / "log.jsonl");
    require(records.front().contains("config") && records.front()["config"].is_object(), folder.string(), ": its log holds no options");
    for (const auto& [key, value] : records.front()["config"].items())
        if (compared(key)) run.options[key] = value.is_string() ? value.get<std::string>() : value.dump();
    for (const Json& record : records) {
        if (record.value("type", "") != "val") continue;
        run.validation.clear();
        for (const Figure& figure : validated) run.validation.push_back(number(record, figure.key));
    }
    require(!run.validation.empty(), folder.string(), ": its log holds no validation");
    std::error_code ignored;
    require(fs::exists(folder / "final.safetensors", ignored), folder.string(), ": the run is not at its end");
    run.scores = scores_of(folder / "scores.json");
    return run;
}

// --ablation pa, in what a row differs from others; "as given below" where nothing does.
std::string label(const Run& run, const std::set<std::string>& differing) {
    std::string text;
    for (const std::string& option : differing) {
        const auto found = run.options.find(option);
        text += (text.empty() ? "--" : " --") + option + " " + (found == run.options.end() ? "(not known)" : found->second);
    }
    return text.empty() ? "all runs" : text;
}

struct Spread {
    double mean = 0, squares = 0;  // sum of squared distances from the mean
    int count = 0;
};

Spread spread_of(const std::vector<double>& values) {
    Spread s{.count = static_cast<int>(values.size())};
    for (const double x : values) s.mean += x / s.count;
    for (const double x : values) s.squares += (x - s.mean) * (x - s.mean);
    return s;
}

std::string row_of(const std::vector<std::string>& cells) {
    std::string line = "|";
    for (const std::string& cell : cells) line += " " + cell + " |";
    return line + "\n";
}

}  // namespace

std::string run_table(const std::vector<fs::path>& folders) {
    require(!folders.empty(), "a table needs a run folder");
    std::vector<Run> runs;
    for (const fs::path& folder : folders) runs.push_back(read_run(folder));
    const bool all_scored = std::all_of(runs.begin(), runs.end(), [](const Run& run) { return !run.scores.empty(); });

    std::set<std::string> differing;
    for (const Run& run : runs)
        for (const Run& other : runs)
            for (const auto& [option, value] : run.options) {
                const auto found = other.options.find(option);
                if (found == other.options.end() || found->second != value) differing.insert(option);
            }
    std::vector<std::string> labels;  // in the order of the runs
    std::map<std::string, std::vector<const Run*>> groups;
    for (const Run& run : runs) {
        const std::string name = label(run, differing);
        if (groups[name].empty()) labels.push_back(name);
        groups[name].push_back(&run);
    }

    std::vector<std::string> head = {"form", "runs"};
    for (const Figure& figure : validated) head.emplace_back(figure.shown);
    if (all_scored)
        for (const Figure& figure : scored) head.emplace_back(figure.shown);
    const size_t figures = head.size() - 2;
    std::vector<double> squares(figures);
    int freedom = 0;
    std::string text = row_of(head) + "|";
    for (size_t i = 0; i < head.size(); ++i) text += "---|";
    text += "\n";
    size_t most = 1;
    for (const std::string& name : labels) {
        const std::vector<const Run*>& group = groups[name];
        most = std::max(most, group.size());
        freedom += static_cast<int>(group.size()) - 1;
        std::vector<std::string> cells = {name, std::to_string(group.size())};
        for (size_t i = 0; i < figures; ++i) {
            std::vector<double> values;
            for (const Run* run : group)
                values.push_back(i < std::size(validated) ? run->validation[i] : run->scores[i - std::size(validated)]);
            const Spread s = spread_of(values);
            squares[i] += s.squares;
            cells.push_back(fixed_text(s.mean, decimals) +
                            (s.count > 1 ? " ± " + fixed_text(std::sqrt(s.squares / (s.count - 1)), decimals) : ""));
        }
        text += row_of(cells);
    }
    if (freedom > 0) {
        std::vector<std::string> cells = {"**noise** of one run", concat(freedom, " degrees")};
        for (size_t i = 0; i < figures; ++i) cells.push_back(fixed_text(std::sqrt(squares[i] / freedom), decimals));
        text += row_of(cells);
        text += concat(
            "\nEach figure is the mean over the seeds ± their standard deviation. The last row is that deviation pooled over all rows: "
            "how far a run lies from its mean by the seed alone. Two means of ",
            most, " seeds differ by chance with ", fixed_text(std::sqrt(2.0 / static_cast<double>(most)), 2),
            " times that as standard deviation; less than twice of it shows nothing. Which pictures are held out is drawn by the seed as "
            "well, so figures on them spread by that too.\n");
    } else {
        text += "\nOne run a row: how far a figure lies from another seed's is not known, so small differences show nothing.\n";
    }
    std::string common;
    for (const auto& [option, value] : runs.front().options)
        if (!differing.contains(option)) common += (common.empty() ? "" : ", ") + option + " " + value;
    return text + "\nCommon to all: " + common + ".\n";
}

}  // namespace purnet
