// purnet check-data: what is wrong with a data set, before hours are spent on it.
#include <cstdio>
#include <memory>
#include <optional>

#include "apps/purnet/command.h"
#include "apps/run/check_report.h"
#include "apps/run/progress.h"
#include "core/formats/atomic_file.h"

namespace purnet::app {
namespace {

struct Settings {
    std::vector<std::string> data, val, test;
    double near = CheckOptions{}.near;
    int64_t shown = 10;
    std::string json;
};

int check(const Settings& settings) {
    std::vector<Split> splits{{"train", settings.data}};
    if (!settings.val.empty()) splits.push_back({"validation", settings.val});
    if (!settings.test.empty()) splits.push_back({"test", settings.test});

    std::optional<Progress> progress;
    CheckOptions options;
    options.near = settings.near < 1 ? settings.near : 2;
    options.opened = [&](size_t pairs) { progress.emplace("pairs", static_cast<int64_t>(pairs)); };
    options.read = [&] { progress->advance(); };
    const CheckResult result = check_data(splits, options);
    progress->finish();

    if (!settings.json.empty()) {
        // Names of files may be no valid UTF-8.
        write_result(settings.json, json_of(result, splits).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    }
    if (settings.json != "-") std::fputs(text_of(result, static_cast<size_t>(settings.shown)).c_str(), stdout);
    return result.errors() ? check_found_errors : all_fine;
}

}  // namespace

Run add_check_data(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet check-data --data DUTS-TR", "partners, sizes, masks, damaged files, duplicates");
    options.example("purnet check-data --data DUTS-TR --test DUTS-TE --json found.json",
                    "also pictures of the training set that are in the test set; exit code 4 when errors were found");
    options.group("Data sets");
    options.value("--data", s->data, "DATA", "training data: folders, .tar files or lists with pictures and masks")->required();
    options.value("--val", s->val, "DATA", "validation data, which must share nothing with the rest");
    options.value("--test", s->test, "DATA", "test data, likewise");
    options.group("Report");
    options.value("--near", s->near, "R", "correlation of small versions from which pictures are near-duplicates; 1: exact copies only")
        ->check(in_range(0.5, 1));
    options.value("--shown", s->shown, "N", "files that are named for each fault; the JSON has all")->check(in_range(0, 1e9));
    options.value("--json", s->json, "FILE", "everything that was found; - for stdout, without the text");
    return [s] { return check(*s); };
}

}  // namespace purnet::app
