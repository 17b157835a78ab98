// All figures of the golden pairs, made with PySODMetrics 1.6.2.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/image/decode.h"
#include "data/metrics/meter.h"
#include "tests/support/goldens.h"
#include "tests/support/shared.h"

namespace purnet::metrics {
namespace {

using nlohmann::json;

// Absolute 1e-9 for figures of ordinary size; relative for those that the package blows up (maps of one pixel).
double deviation(double got, double wanted) { return std::abs(got - wanted) / std::max(1.0, std::abs(wanted)); }

json read_json(const std::filesystem::path& path) {
    std::ifstream file(path);
    REQUIRE_MESSAGE(file.good(), path.string());
    return json::parse(file);
}

struct Golden {
    std::filesystem::path folder;
    json values;

    Measured measure(const std::string& name, Protocol protocol, bool ratios = false) const {
        const Image map = read_grey(folder / "preds" / (name + ".png")), mask = read_grey(folder / "masks" / (name + ".png"));
        Meter meter(protocol);
        meter.measure_ratios(ratios);
        return meter.measure(view_of(map), view_of(mask));
    }
};

Golden load() { return {test::golden_path("metrics"), read_json(test::golden_path("metrics/golden.json"))}; }

double worst_of(const Figures& figures, const json& wanted, double structure_if_null) {
    double worst = 0;
    for (std::string_view name : figure_names) {
        const json& value = wanted.at(std::string(name));
        const double expected = value.is_null() ? structure_if_null : value.get<double>();
        CAPTURE(name);
        CHECK(deviation(figures[name], expected) <= 1e-9);
        worst = std::max(worst, deviation(figures[name], expected));
    }
    return worst;
}

}  // namespace

TEST_CASE("metrics: the nine figures of 57 golden pairs to 1e-9") {
    const Golden golden = load();
    double worst = 0;
    int pairs = 0, empty_quadrants = 0;
    for (const json& image : golden.values.at("images")) {
        const std::string name = image.at("name");
        CAPTURE(name);
        const Measured measured = golden.measure(name, Protocol::pysod);
        worst = std::max(worst, worst_of(figures_of(Protocol::pysod, measured.scores), image.at("metrics"),
                                         image.at("Smeasure_empty_quadrant_as_zero")));
        CHECK(measured.empty_quadrant == image.at("metrics").at("Smeasure").is_null());
        empty_quadrants += measured.empty_quadrant;
        ++pairs;
    }
    CHECK(pairs == 57);
    CHECK(empty_quadrants == 6);
    MESSAGE("largest deviation ", worst);
}

TEST_CASE("metrics: flat regions, whose figures hang on the last bit of a mean") {
    const json pairs = read_json(test::golden_path("metrics/flat_regions.json"));
    CHECK(pairs.size() == 8);
    for (const json& pair : pairs) {
        const std::vector<uint8_t> map = pair.at("map"), mask = pair.at("mask");
        const int64_t width = pair.at("width"), height = pair.at("height");
        REQUIRE(map.size() == static_cast<size_t>(width * height));
        REQUIRE(mask.size() == map.size());
        const Scores scores = Meter().measure({map.data(), width, height}, {mask.data(), width, height}).scores;
        worst_of(figures_of(Protocol::pysod, scores), pair.at("metrics"), 0);
    }
}

TEST_CASE("metrics: the data set's figures and mean curves, curves averaged before the maximum") {
    const Golden golden = load();
    const json& wanted = golden.values.at("aggregate").at("finite_only");
    Mean mean;
    for (const json& name : wanted.at("names")) mean.add(golden.measure(name, Protocol::pysod).scores);
    CHECK(mean.images() == 48);
    const Scores scores = mean.value();
    worst_of(figures_of(Protocol::pysod, scores), wanted.at("metrics"), 0);
    const auto check_curve = [&](const Curve& curve, const char* name) {
        for (size_t i = 0; i < 256; ++i) CHECK(deviation(curve[i], wanted.at("curves").at(name).at(i)) <= 1e-9);
    };
    check_curve(scores.f, "fm");
    check_curve(scores.e, "em");
    check_curve(scores.precision, "p");
    check_curve(scores.recall, "r");
}

TEST_CASE("metrics: curves of single images") {
    const Golden golden = load();
    std::filesystem::path path = test::golden_path("metrics/curves.json");
    if (const auto all = test::shared_path("golden/metrics/curves.json")) path = *all;
    const json curves = read_json(path);
    CHECK(curves.size() >= 10);
    for (const auto& item : curves.items()) {
        const std::string name = item.key();
        const json& wanted = item.value();
        CAPTURE(name);
        const Scores scores = golden.measure(name, Protocol::pysod).scores;
        const std::pair<const char*, const Curve*> pairs[] = {
            {"fm", &scores.f}, {"em", &scores.e}, {"p", &scores.precision}, {"r", &scores.recall}};
        for (const auto& pair : pairs) {
            double worst = 0;
            for (size_t i = 0; i < 256; ++i) worst = std::max(worst, deviation((*pair.second)[i], wanted.at(pair.first).at(i)));
            CAPTURE(pair.first);
            CHECK(worst <= 1e-9);
        }
    }
}

TEST_CASE("metrics: the ratios of FmeasureV2, single images and data set") {
    const Golden golden = load();
    MeanRatios mean;
    int compared = 0;
    const auto check = [&](const Ratios& ratios, const json& wanted, const json& skip) {
        for (size_t r = 0; r < ratio_count; ++r) {
            const RatioFigures figures = figures_of(ratios, r);
            const std::string name(ratio_names[r]);
            const std::pair<std::string, double> values[] = {{"max" + name, figures.maximum},
                                                             {"mean" + name, figures.mean},
                                                             {"adp" + name, figures.adaptive},
                                                             {"sample_bi" + name, figures.sample_binary},
                                                             {"overall_bi" + name, figures.overall_binary}};
            for (const auto& pair : values) {
                const std::string& key = pair.first;
                const double value = pair.second;
                if (!wanted.contains(key) || wanted.at(key).is_null() || std::find(skip.begin(), skip.end(), json(key)) != skip.end())
                    continue;
                CAPTURE(key);
                CHECK(deviation(value, wanted.at(key)) <= 1e-9);
                ++compared;
            }
        }
    };
    for (const json& image : golden.values.at("images")) {
        const std::string name = image.at("name");
        CAPTURE(name);
        const Measured measured = golden.measure(name, Protocol::pysod, true);
        check(*measured.ratios, image.at("extra"), image.at("nan_keys"));
    }
    for (const json& name : golden.values.at("aggregate").at("finite_only").at("names"))
        mean.add(*golden.measure(name, Protocol::pysod, true).ratios);
    check(mean.value(), golden.values.at("aggregate").at("finite_only").at("extra"), json::array());
    CHECK(compared > 57 * 40);
}

TEST_CASE("metrics: the evaluation of PurNet's authors on the golden pairs") {
    const Golden golden = load();
    Mean mean;
    for (const json& image : golden.values.at("images")) {
        const std::string name = image.at("name");
        CAPTURE(name);
        const Scores scores = golden.measure(name, Protocol::purnet).scores;
        const json& wanted = image.at("author_matlab");
        CHECK(deviation(scores.mae, wanted.at("mae")) <= 1e-9);
        CHECK(deviation(scores.adaptive_precision, wanted.at("prec")) <= 1e-9);
        CHECK(deviation(scores.adaptive_recall, wanted.at("rec")) <= 1e-9);
        mean.add(scores);
    }
    const json& wanted = golden.values.at("aggregate").at("author_matlab");
    const Figures figures = figures_of(Protocol::purnet, mean.value());
    CHECK(deviation(figures.mae(), wanted.at("mae")) <= 1e-9);
    CHECK(deviation(figures["adpFm"], wanted.at("F_of_means")) <= 1e-9);
}

TEST_CASE("metrics: the package's three real pairs, by pysod and by dss") {
    const auto folder = test::shared_path("golden/metrics_pysod");
    if (!folder) {
        MESSAGE("skipped: golden/metrics_pysod is absent");
        return;
    }
    const json wanted = read_json(*folder / "expected_values.json");
    Mean pysod, dss, dss_with_object;
    double worst = 0;
    for (const auto& item : wanted.at("per_image").items()) {
        const std::string file = item.key();
        const json& values = item.value();
        CAPTURE(file);
        const auto pictures = *folder / "examples/test_data";
        const Image map = read_grey(pictures / "preds" / file), mask = read_grey(pictures / "masks" / file);
        const Scores scores = Meter().measure(view_of(map), view_of(mask)).scores;
        worst = std::max(worst, worst_of(figures_of(Protocol::pysod, scores), values, 0));
        pysod.add(scores);
        const Scores other = Meter(Protocol::dss).measure(view_of(map), view_of(mask)).scores;
        dss.add(other);
        if (scores.weighted_f > 0) dss_with_object.add(other);
    }
    worst = std::max(worst, worst_of(figures_of(Protocol::pysod, pysod.value()), wanted.at("aggregate"), 0));
    MESSAGE("largest deviation ", worst);
    // Published to three decimals: an empty mask counts as perfect in SalMetric.
    CHECK(std::abs(figures_of(Protocol::dss, dss.value()).max_f() - 0.924) < 5e-4);
    CHECK(std::abs(figures_of(Protocol::dss, dss_with_object.value()).max_f() - 0.885) < 5e-4);
}

}  // namespace purnet::metrics
