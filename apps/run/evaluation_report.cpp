#include "apps/run/evaluation_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/run/version.h"

namespace purnet {
namespace {

using Json = nlohmann::ordered_json;
using metrics::Curve;
using metrics::figure_names;
using metrics::Figures;

void put_figures(Json& into, const Figures& figures) {
    for (size_t i = 0; i < figure_names.size(); ++i) into[std::string(figure_names[i])] = figures.values[i];  // NaN is written as null
}

Json intervals_json(const std::vector<Figures>& resamples) {
    Json out;
    for (size_t i = 0; i < figure_names.size(); ++i) {
        const metrics::Interval interval = metrics::interval(resamples, i);
        out[std::string(figure_names[i])] = {interval.low, interval.high};
    }
    return out;
}

Json method_json(const EvaluationReport& report, size_t index) {
    const Evaluation& method = report.methods[index];
    Json out;
    out["name"] = method.name;
    out["pred"] = method.folder.string();
    out["count"] = method.images.size();
    put_figures(out, method.figures);
    if (!report.resamples.empty()) out["interval95"] = intervals_json(report.resamples[index]);
    if (method.ratios) {
        Json& ratios = out["ratios"];
        for (size_t r = 0; r < metrics::ratio_count; ++r) {
            const metrics::RatioFigures figures = metrics::figures_of(*method.ratios, r);
            ratios[std::string(metrics::ratio_names[r])] = {{"max", figures.maximum},
                                                            {"mean", figures.mean},
                                                            {"adp", figures.adaptive},
                                                            {"sample_bi", figures.sample_binary},
                                                            {"overall_bi", figures.overall_binary}};
        }
    }
    if (report.protocol != metrics::Protocol::purnet) {
        Json& curves = out["curves"];  // index 0 is threshold 255
        curves["precision"] = method.mean.precision;
        curves["recall"] = method.mean.recall;
        curves["fm"] = metrics::f_curve(report.protocol, method.mean);
        if (report.protocol == metrics::Protocol::pysod) curves["em"] = method.mean.e;
    }
    out["masks_without_map"] = method.pairing.masks_without_map;
    out["maps_without_mask"] = method.pairing.maps_without_mask;
    out["failures"] = Json::array();
    for (const PairFailure& failure : method.failures) out["failures"].push_back({{"name", failure.name}, {"error", failure.error}});
    if (const std::vector<FolderResult> folders = folders_of(report.protocol, method); !folders.empty()) {
        for (const FolderResult& folder : folders) {
            Json row;
            row["name"] = folder.name;
            row["count"] = folder.images;
            put_figures(row, folder.figures);
            out["folders"].push_back(std::move(row));
        }
    }
    out["images"] = Json::array();
    for (const ImageResult& image : method.images) {
        Json row;
        row["name"] = image.name;
        put_figures(row, metrics::figures_of(report.protocol, image.scores));
        if (image.empty_quadrant) row["empty_quadrant"] = true;
        if (image.resized) row["resized"] = true;
        out["images"].push_back(std::move(row));
    }
    return out;
}

std::string joined(const std::vector<std::string>& names) {
    constexpr size_t shown = 10;
    std::string out;
    for (size_t i = 0; i < std::min(names.size(), shown); ++i) out += (i ? ", " : "") + names[i];
    if (names.size() > shown) out += ", and " + std::to_string(names.size() - shown) + " more";
    return out;
}

std::string interval_text(double value, const std::vector<Figures>& resamples, size_t figure) {
    const metrics::Interval interval = metrics::interval(resamples, figure);
    if (std::isnan(interval.low)) return "-";
    return fixed_text(value, 3) + " (" + fixed_text(interval.low, 3) + " .. " + fixed_text(interval.high, 3) + ")";
}

std::vector<Figures> differences_of(const std::vector<Figures>& a, const std::vector<Figures>& b) {
    std::vector<Figures> out = a;
    for (size_t r = 0; r < out.size(); ++r)
        for (size_t i = 0; i < figure_names.size(); ++i) out[r].values[i] -= b[r].values[i];
    return out;
}

// The resamples of two methods draw the same images only if both have the same ones.
bool same_images(const Evaluation& a, const Evaluation& b) {
    return std::equal(a.images.begin(), a.images.end(), b.images.begin(), b.images.end(),
                      [](const ImageResult& x, const ImageResult& y) { return x.name == y.name; });
}

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

}  // namespace

TextTable figures_table(const EvaluationReport& report) {
    TextTable table;
    table.head = {"method", "images"};
    for (const std::string_view name : figure_names) table.head.emplace_back(name);
    for (const Evaluation& method : report.methods) {
        std::vector<std::string> row{method.name, std::to_string(method.images.size())};
        for (const double value : method.figures.values) row.push_back(fixed_text(value, 3));
        table.rows.push_back(std::move(row));
    }
    return table;
}

TextTable intervals_table(const EvaluationReport& report) {
    TextTable table;
    table.head = {"95 % intervals"};
    for (const std::string_view name : figure_names) table.rows.push_back({std::string(name)});
    for (size_t m = 0; m < report.resamples.size(); ++m) {
        const Evaluation& method = report.methods[m];
        table.head.push_back(method.name);
        for (size_t i = 0; i < figure_names.size(); ++i)
            table.rows[i].push_back(interval_text(method.figures.values[i], report.resamples[m], i));
    }
    for (size_t m = 1; m < report.resamples.size(); ++m) {
        if (!same_images(report.methods[m], report.methods[0])) continue;
        const std::vector<Figures> differences = differences_of(report.resamples[m], report.resamples[0]);
        table.head.push_back(report.methods[m].name + " - " + report.methods[0].name);
        for (size_t i = 0; i < figure_names.size(); ++i)
            table.rows[i].push_back(
                interval_text(report.methods[m].figures.values[i] - report.methods[0].figures.values[i], differences, i));
    }
    return table;
}

TextTable ratios_table(const Evaluation& evaluation) {
    TextTable table;
    table.head = {evaluation.name, "max", "mean", "adp", "sample_bi", "overall_bi"};
    if (!evaluation.ratios) return table;
    for (size_t r = 0; r < metrics::ratio_count; ++r) {
        const metrics::RatioFigures f = metrics::figures_of(*evaluation.ratios, r);
        table.rows.push_back({std::string(metrics::ratio_names[r]), fixed_text(f.maximum, 3), fixed_text(f.mean, 3),
                              fixed_text(f.adaptive, 3), fixed_text(f.sample_binary, 3), fixed_text(f.overall_binary, 3)});
    }
    return table;
}

std::vector<FolderResult> folders_of(metrics::Protocol protocol, const Evaluation& evaluation) {
    std::map<std::string, metrics::Mean> means;
    for (const ImageResult& image : evaluation.images) {
        const size_t slash = image.name.rfind('/');
        means[slash == std::string::npos ? "." : image.name.substr(0, slash)].add(image.scores);
    }
    std::vector<FolderResult> out;
    if (means.size() == 1 && means.begin()->first == ".") return out;
    for (const auto& [name, mean] : means) out.push_back({name, mean.images(), metrics::figures_of(protocol, mean.value())});
    return out;
}

TextTable folders_table(const EvaluationReport& report) {
    TextTable table;
    table.head = {"folder", "images"};
    for (const std::string_view name : figure_names) table.head.emplace_back(name);
    for (const Evaluation& method : report.methods)
        for (const FolderResult& folder : folders_of(report.protocol, method)) {
            const std::string name = report.methods.size() > 1 ? method.name + ": " + folder.name : folder.name;
            std::vector<std::string> row{name, std::to_string(folder.images)};
            for (const double value : folder.figures.values) row.push_back(fixed_text(value, 3));
            table.rows.push_back(std::move(row));
        }
    return table;
}

std::string json_of(const EvaluationReport& report) {
    Json out;
    out["schema"] = "purnet-eval";
    out["version"] = 1;
    out["program"] = program_version();
    out["protocol"] = metrics::name_of(report.protocol);
    out["gt"] = report.masks.string();
    if (!report.resamples.empty()) out["bootstrap"] = {{"resamples", report.resamples.front().size()}, {"seed", report.seed}};
    const Json first = method_json(report, 0);
    out["count"] = first["count"];
    for (const std::string_view name : figure_names) out[std::string(name)] = first[std::string(name)];
    if (first.contains("interval95")) out["interval95"] = first["interval95"];
    if (first.contains("folders")) out["folders"] = first["folders"];
    out["images"] = first["images"];
    out["methods"] = Json::array({first});
    for (size_t m = 1; m < report.methods.size(); ++m) out["methods"].push_back(method_json(report, m));
    return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";  // names of files may be no valid UTF-8
}

std::string csv_of(const EvaluationReport& report) {
    std::string out = "method,name";
    for (const std::string_view name : figure_names) out += "," + std::string(name);
    out += "\n";
    for (const Evaluation& method : report.methods)
        for (const ImageResult& image : method.images) {
            out += csv_cell(method.name) + "," + csv_cell(image.name);
            for (const double value : metrics::figures_of(report.protocol, image.scores).values) out += "," + exact_text(value);
            out += "\n";
        }
    return out;
}

std::vector<Chart> charts_of(const EvaluationReport& report) {
    if (report.protocol == metrics::Protocol::purnet) return {};
    Chart precision, f, e;
    precision.title = "Precision over recall";
    precision.x_label = "recall";
    precision.y_label = "precision";
    f.title = "F-measure over threshold";
    f.y_label = "F, \u03b2\u00b2 = 0.3";
    e.title = "E-measure over threshold";
    e.y_label = "E";
    f.x_label = e.x_label = "threshold";
    for (Chart* chart : {&precision, &f, &e}) chart->y_min = 0, chart->y_max = chart->x_max = 1, chart->x_min = 0;
    f.x_max = e.x_max = 255;
    std::vector<double> thresholds;
    for (int t = 255; t >= 0; --t) thresholds.push_back(t);
    const auto values = [](const Curve& curve) { return std::vector<double>(curve.begin(), curve.end()); };
    for (const Evaluation& method : report.methods) {
        precision.series.push_back({method.name, values(method.mean.recall), values(method.mean.precision)});
        f.series.push_back({method.name, thresholds, values(metrics::f_curve(report.protocol, method.mean))});
        e.series.push_back({method.name, thresholds, values(method.mean.e)});
    }
    if (report.methods.size() == 1) {
        const std::vector<double>& y = f.series[0].y;
        const auto best = std::max_element(y.begin(), y.end());
        f.marks.push_back({thresholds[static_cast<size_t>(best - y.begin())], *best, "max " + fixed_text(*best, 3), 0});
    }
    if (report.protocol == metrics::Protocol::dss) return {precision, f};
    return {precision, f, e};
}

std::vector<std::string> complaints_of(const Evaluation& evaluation) {
    std::vector<std::string> out;
    const Pairing& pairing = evaluation.pairing;
    const auto count = [](size_t n, const char* one, const char* many) { return std::to_string(n) + " " + (n == 1 ? one : many); };
    if (!pairing.masks_without_map.empty())
        out.push_back(evaluation.name + ": " + count(pairing.masks_without_map.size(), "mask has", "masks have") +
                      " no map: " + joined(pairing.masks_without_map));
    if (!pairing.maps_without_mask.empty())
        out.push_back(evaluation.name + ": " + count(pairing.maps_without_mask.size(), "map has", "maps have") +
                      " no mask: " + joined(pairing.maps_without_mask));
    constexpr size_t shown = 10;
    for (size_t i = 0; i < std::min(evaluation.failures.size(), shown); ++i)
        out.push_back(evaluation.name + ": " + evaluation.failures[i].error);
    if (evaluation.failures.size() > shown)
        out.push_back(evaluation.name + ": and " + std::to_string(evaluation.failures.size() - shown) +
                      " more such failures (all are in --json)");
    return out;
}

}  // namespace purnet
