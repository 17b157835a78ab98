#include "apps/salient/run_report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/run/html_report.h"
#include "apps/run/json_log.h"
#include "apps/salient/prediction.h"
#include "apps/salient/predictor.h"
#include "apps/salient/render.h"
#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "data/source/dataset.h"
#include "kernels/resize/resize_bytes.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

double number(const Json& record, const char* key) {
    return record.contains(key) && record[key].is_number() ? record[key].get<double>() : NAN;
}

std::string text(const Json& record, const char* key, const char* otherwise) {
    return record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : otherwise;
}

struct Run {
    std::string name;
    std::vector<Json> records;

    Series series(const std::string& label, const std::string& type, const char* key) const {
        Series s{.name = label};
        for (const Json& r : records)
            if (r.value("type", "") == type) {
                s.x.push_back(number(r, "step"));
                s.y.push_back(number(r, key));
            }
        return s;
    }
};

// What chose best.safetensors.
bool by_mae(const Run& run) {
    const Json& first = run.records.front();
    return first.contains("config") && text(first["config"], "best-by", "max-f") == "mae";
}

void curves(HtmlReport& report, const std::vector<Run>& runs) {
    const bool several = runs.size() > 1;
    Chart loss{.title = "Loss", .x_label = "step", .y_label = "sum of the parts", .log_y = true};
    Chart quality{.title = "Validation max-F", .x_label = "step", .y_label = "max-F"};
    Chart error{.title = "Validation MAE", .x_label = "step", .y_label = "MAE"};
    Chart rate{.title = "Learning rate", .x_label = "step", .y_label = "rate"};
    for (const Run& run : runs) {
        Series raw = run.series("", "train", "loss");
        Series smooth{.name = several ? run.name : "loss", .x = raw.x, .y = smoothed(raw.y, 0.8)};
        raw.faint = true;
        raw.colour = smooth.colour = static_cast<int>(&run - runs.data());
        loss.series.push_back(raw);
        loss.series.push_back(smooth);
        quality.series.push_back(run.series(several ? run.name : "max-F", "val", "max_f"));
        error.series.push_back(run.series(several ? run.name : "MAE", "val", "mae"));
        rate.series.push_back(run.series(several ? run.name : "rate", "train", "rate"));
    }
    std::vector<Chart> charts = {loss, quality, error, rate};
    // A part that a stage doesn't have leaves a gap in its line.
    std::map<std::string, Series> parts;
    std::vector<double> steps;
    for (const Json& r : runs.front().records) {
        if (r.value("type", "") != "train" || !r.contains("losses")) continue;
        steps.push_back(number(r, "step"));
        for (const auto& [name, value] : r["losses"].items()) {
            if (name == "error") continue;  // its floor changes with the object map: shown less that
            Series& s = parts[name];
            s.name = name == "error_less_floor" ? "error, above its floor" : name;
            s.y.resize(steps.size() - 1, NAN);
            s.y.push_back(value.is_number() ? value.get<double>() : NAN);
        }
    }
    Chart by_part{
        .title = "Loss by part" + (several ? " (" + runs.front().name + ")" : ""), .x_label = "step", .y_label = "loss", .log_y = true};
    for (auto& [name, s] : parts) {
        s.x = steps;
        s.y.resize(steps.size(), NAN);
        const std::vector<double> smooth = smoothed(s.y, 0.6);
        for (size_t i = 0; i < s.y.size(); ++i)
            if (std::isfinite(s.y[i])) s.y[i] = smooth[i];
        by_part.series.push_back(s);
    }
    if (!by_part.series.empty()) charts.push_back(by_part);
    report.section("Curves");
    report.charts(charts);
}

Image thumbnail(const Image& rgb) {
    const double scale = std::min(1.0, 220.0 / std::max(rgb.width, rgb.height));
    const int w = std::max(1, static_cast<int>(std::lround(rgb.width * scale))),
              h = std::max(1, static_cast<int>(std::lround(rgb.height * scale)));
    Image out(w, h, rgb.channels);
    resize_bilinear(rgb.pixels.data(), rgb.height, rgb.width, rgb.channels, out.pixels.data(), h, w);
    return out;
}

// Photograph, map, overlay, and of level 1: promotion attention, rectification attention, error map.
std::vector<EmbeddedPicture> cells(const Image& rgb, const Maps& maps, const Image* truth) {
    const Image photo = thumbnail(rgb);
    const int w = photo.width, h = photo.height;
    const Image mask = render::mask(maps.map, maps.side, maps.side, w, h);
    std::vector<EmbeddedPicture> row = {embed_photo(photo)};
    if (truth) row.push_back(embed_exact(thumbnail(*truth)));
    row.push_back(embed_exact(mask));
    row.push_back(embed_photo(render::overlay(photo, mask)));
    if (!maps.promotion[0].empty())
        row.push_back(embed_photo(render::heat(maps.promotion[0], maps.attention_height[0], maps.attention_width[0], w, h)));
    if (!maps.rectification[0].empty())
        row.push_back(embed_photo(render::heat(maps.rectification[0], maps.attention_height[0], maps.attention_width[0], w, h)));
    if (!maps.error[0].empty()) row.push_back(embed_photo(render::signed_heat(maps.error[0], maps.side, maps.side, w, h)));
    return row;
}

std::vector<std::string> columns(const Maps& maps, bool truth) {
    std::vector<std::string> names = {"picture"};
    if (truth) names.push_back("truth");
    names.insert(names.end(), {"map", "overlay"});
    if (!maps.promotion[0].empty()) names.push_back("promotion attention");
    if (!maps.rectification[0].empty()) names.push_back("rectification attention");
    if (!maps.error[0].empty()) names.push_back("error map");
    return names;
}

// What colours mean; in a column's heading it would be taller than the pictures of a telephone.
void legend(HtmlReport& report, const std::vector<std::string>& columns) {
    if (std::find(columns.begin(), columns.end(), "error map") != columns.end())
        report.paragraph("In the error map blue is where the map shows too much, red where it shows too little.");
}

void pictures_with_masks(HtmlReport& report, Predictor& predictor, const RunReportOptions& options) {
    const DataSet set = open_data(options.pictures);
    std::vector<std::pair<double, size_t>> errors;
    for (size_t i = 0; i < set.size(); ++i) {
        const Image rgb = set.read_image(i), truth = set.read_mask(i);
        const std::vector<float> map = predictor.map(rgb.pixels.data(), rgb.width, rgb.height);
        const Image mask = render::mask(map, predictor.size(), predictor.size(), truth.width, truth.height);
        double sum = 0;
        for (size_t k = 0; k < mask.pixels.size(); ++k) sum += std::abs(mask.pixels[k] - (truth.pixels[k] > 128 ? 255 : 0)) / 255.0;
        errors.emplace_back(sum / static_cast<double>(mask.pixels.size()), i);
    }
    std::sort(errors.begin(), errors.end());
    const size_t shown = std::min(static_cast<size_t>(std::max(options.shown, 1)), (errors.size() + 1) / 2);
    const auto rows = [&](auto begin, auto end) {
        std::vector<HtmlReport::SheetRow> list;
        std::vector<std::string> names;
        for (auto at = begin; at != end; ++at) {
            const Image rgb = set.read_image(at->second), truth = set.read_mask(at->second);
            const Maps maps = predictor.inspect(rgb.pixels.data(), rgb.width, rgb.height);
            names = columns(maps, true);
            list.push_back(
                {concat(set.name(at->second), ": mean absolute error ", std::round(at->first * 1e4) / 1e4), cells(rgb, maps, &truth)});
        }
        report.sheet(names, list);
        return names;
    };
    report.section("Best and worst pictures");
    report.paragraph(concat("Of ", set.size(), " pictures with masks, by mean absolute error."));
    report.heading("Best");
    rows(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(shown));
    report.heading("Worst");
    legend(report, rows(errors.rbegin(), errors.rbegin() + static_cast<std::ptrdiff_t>(shown)));
}

void photographs(HtmlReport& report, const std::string& by, Predictor& predictor, const RunReportOptions& options) {
    std::vector<HtmlReport::SheetRow> rows;
    std::vector<std::string> names;
    for (const PredictionJob& job : prediction_jobs(options.photos, {})) {
        require(job.problem.empty(), job.problem);
        const Image rgb = read_rgb(job.input);
        const Maps maps = predictor.inspect(rgb.pixels.data(), rgb.width, rgb.height);
        names = columns(maps, false);
        rows.push_back({job.output.string(), cells(rgb, maps, nullptr)});
    }
    report.heading(concat("By ", by));
    report.sheet(names, rows);
    legend(report, names);
}

void scores(HtmlReport& report, const fs::path& path) {
    std::ifstream file(path);
    require(file.good(), path.string(), ": cannot be read");
    const Json json = Json::parse(file, nullptr, false);
    require(json.is_object(), path.string(), ": is not the JSON of eval");
    TextTable table{.head = {"figure"}, .rows = {}};
    const std::vector<const char*> keys = {"maxFm", "meanFm", "adpFm", "wFmeasure", "Smeasure", "maxEm", "meanEm", "adpEm", "MAE"};
    std::vector<const Json*> methods;
    if (json.contains("methods") && json["methods"].is_array())
        for (const Json& method : json["methods"]) methods.push_back(&method);
    if (methods.empty()) methods.push_back(&json);
    for (const Json* method : methods) table.head.push_back(methods.size() > 1 ? text(*method, "name", "?") : "value");
    for (const char* key : keys) {
        std::vector<std::string> row = {key};
        for (const Json* method : methods) row.push_back(fixed_text(number(*method, key), 4));
        if (std::any_of(methods.begin(), methods.end(), [&](const Json* method) { return std::isfinite(number(*method, key)); }))
            table.rows.push_back(std::move(row));
    }
    require(!table.rows.empty(), path.string(), ": holds none of the nine figures");
    report.section("Figures");
    report.paragraph(concat("Over the evaluated pictures, by protocol ", text(json, "protocol", "pysod"), " of purnet eval."));
    report.table(table);
}

}  // namespace

void write_run_report(const RunReportOptions& options) {
    std::vector<Run> runs;
    const auto last_name = [](const fs::path& folder) {  // "runs/first/" is first
        return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
    };
    std::map<std::string, int> uses;
    for (const fs::path& folder : options.runs) ++uses[last_name(folder)];
    for (const fs::path& folder : options.runs) {  // seed1/light and seed2/light are told apart by their paths
        const std::string name = last_name(folder);
        runs.push_back({uses[name] > 1 ? folder.string() : name, read_json_log(folder / "log.jsonl")});
    }
    require(!runs.empty(), "a report needs a run folder");
    require(options.beside.empty() || !options.photos.empty(), "--beside shows a network on photographs: name them with --photos");
    HtmlReport report("PurNet training", runs.size() == 1 ? runs.front().name : concat(runs.size(), " runs"));
    TextTable bests{.head = {"run", "steps", "best validation: max-F", "MAE", "at step"}, .rows = {}};
    for (const Run& run : runs) {
        double best = NAN, best_mae = NAN, best_step = NAN, last_step = NAN;
        for (const Json& r : run.records) {
            if (const double step = number(r, "step"); step == step) last_step = step;
            const bool better = by_mae(run) ? !(number(r, "mae") >= best_mae) : !(number(r, "max_f") <= best);
            if (r.value("type", "") == "val" && better) {
                best = number(r, "max_f");
                best_mae = number(r, "mae");
                best_step = number(r, "step");
            }
        }
        bests.rows.push_back({run.name, fixed_text(last_step, 0), fixed_text(best, 4), fixed_text(best_mae, 4), fixed_text(best_step, 0)});
        if (runs.size() == 1 && !std::isnan(best))
            report.highlights(
                {{"best validation: max-F", fixed_text(best, 4)}, {"MAE", fixed_text(best_mae, 4)}, {"at step", fixed_text(best_step, 0)}});
    }
    if (runs.size() > 1) {
        report.section("Runs");
        report.table(bests);
    }
    if (!options.scores.empty()) scores(report, options.scores);
    curves(report, runs);
    if (!options.pictures.empty() || !options.photos.empty()) {
        Predictor predictor(options.runs.front() / "best.safetensors");
        if (!options.photos.empty()) {
            report.section("Photographs");
            photographs(report, runs.front().name + "/best.safetensors", predictor, options);
            if (!options.beside.empty()) {
                Predictor other(options.beside);
                photographs(report, options.beside.filename().string(), other, options);
            }
        }
        if (!options.pictures.empty()) pictures_with_masks(report, predictor, options);
    }
    report.section("Options");
    for (const Run& run : runs) {
        std::vector<std::pair<std::string, std::string>> facts;
        if (run.records.front().contains("config"))
            for (const auto& [key, value] : run.records.front()["config"].items())
                facts.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
        if (runs.size() > 1) report.heading(run.name);
        report.facts(facts);
    }
    atomic_write(options.out, report.html());
}

}  // namespace purnet
