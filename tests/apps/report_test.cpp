#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/run/base64.h"
#include "apps/run/html_report.h"
#include "apps/run/json_log.h"
#include "apps/run/svg_chart.h"
#include "apps/salient/run_report.h"
#include "apps/salient/run_table.h"
#include "core/formats/atomic_file.h"
#include "tests/support/markup.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/refused.h"
#include "tests/support/small_network.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

using test::contains;

Chart wave(int points) {
    Chart chart;
    chart.title = "Loss <all> & \"more\"";
    chart.x_label = "step";
    chart.y_label = "loss";
    Series raw, line;
    for (int i = 0; i < points; ++i) {
        raw.x.push_back(i * 10);
        raw.y.push_back(1 + std::sin(i * 0.1) + (i % 7) * 0.1);
    }
    raw.faint = true;
    raw.colour = 0;
    line = {"a < b", raw.x, smoothed(raw.y, 0.9)};
    line.colour = 0;
    chart.series = {raw, line};
    return chart;
}

size_t count_of(const std::string& text, const std::string& part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

}  // namespace

TEST_CASE("chart: ticks are 1, 2 or 5 times a power of ten and cover the range") {
    CHECK(round_ticks(0, 1, 6) == std::vector<double>{0, 1 * 0.2, 2 * 0.2, 3 * 0.2, 4 * 0.2, 5 * 0.2});
    CHECK(round_ticks(3, 97, 6) == std::vector<double>{0, 20, 40, 60, 80, 100});
    CHECK(round_ticks(-1.5, 1.5, 4) == std::vector<double>{-2, -1, 0, 1, 2});
    for (const double low : {-3e-7, 0.0, 0.12, 5.0, 1e6})
        for (const double width : {1e-9, 0.03, 1.0, 777.0, 1e8}) {
            if (width < 1e-9 * low) continue;  // closer than the axes let two ends be
            const auto ticks = round_ticks(low, low + width, 6);
            CHECK(ticks.front() <= low + 1e-6 * width);
            CHECK(ticks.back() >= low + width - 1e-6 * width);
            CHECK(ticks.size() <= 8);
            CHECK(ticks.size() >= 2);
        }
    CHECK(tick_text(0.25, 0.05) == "0.25");
    CHECK(tick_text(20000, 5000) == "20k");
    CHECK(tick_text(1500000, 500000) == "1.5M");
    CHECK(tick_text(1e-5, 1e-5) == "1e-05");
    CHECK(tick_text(0, 1) == "0");
}

TEST_CASE("chart: SVG is well formed, escaped, and stays small for long series") {
    const std::string one = svg_of(wave(300));
    CHECK(test::markup_error(one) == "");
    CHECK(contains(one, "Loss &lt;all&gt; &amp; &quot;more&quot;"));
    CHECK(contains(one, ">a &lt; b</text>"));
    CHECK(contains(one, "class=\"line faint\""));
    CHECK(svg_of(wave(100000)).size() < 60000);

    const std::string file = svg_file_of({wave(10), wave(20), wave(30)}, 2);
    CHECK(test::markup_error(file) == "");
    CHECK(contains(file, "width=\"960\" height=\"640\""));
    CHECK(contains(file, "xmlns="));
    CHECK(count_of(file, "<clipPath") == 3);
}

TEST_CASE("chart: gaps, constants, logarithms, marks and nothing at all") {
    Chart chart;
    chart.series = {{"gap", {0, 1, 2, 3}, {1, NAN, 2, 3}}};
    CHECK(count_of(svg_of(chart), "M") >= 2);
    chart.series = {{"flat", {1, 2}, {5, 5}}, {"", {}, {}}};
    CHECK(test::markup_error(svg_of(chart)) == "");
    chart.series = {{"log", {1, 2, 3, 4}, {1e-4, 0, -1, 10}}};
    chart.log_y = true;
    chart.marks = {{4, 10, "best", 0}, {2, 0, "not shown", 0}};
    const std::string text = svg_of(chart);
    CHECK(contains(text, ">best</text>"));
    CHECK_FALSE(contains(text, "not shown"));
    CHECK_FALSE(contains(text, "nan"));
    CHECK_FALSE(contains(text, "inf"));
    CHECK(test::markup_error(svg_of(Chart{})) == "");
    chart.series = {{"uneven", {1, 2}, {1}}};
    REFUSED(svg_of(chart), "has 2 x and 1 y");
}

TEST_CASE("chart: smoothing has no bias at the beginning and steps over gaps") {
    CHECK(smoothed({4, 4, 4}, 0.9)[0] == doctest::Approx(4));
    CHECK(smoothed({4, 4, 4}, 0.9)[2] == doctest::Approx(4));
    CHECK(smoothed({4, NAN, 4}, 0.5)[1] == doctest::Approx(4));
    CHECK(std::isnan(smoothed({NAN, 1}, 0.5)[0]));
    CHECK(smoothed({0, 1}, 0.5)[1] == doctest::Approx(2.0 / 3));
}

TEST_CASE("base64: the vectors of RFC 4648") {
    const std::pair<std::string, std::string> vectors[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) CHECK(base64({reinterpret_cast<const uint8_t*>(plain.data()), plain.size()}) == coded);
}

TEST_CASE("html report: one well-formed page without a reference to anything outside") {
    HtmlReport report("A run <x>", "made by a test & nobody else");
    report.section("Overview");
    report.paragraph("Text with <tags> & signs.");
    report.highlights({{"max-F", "0.934"}, {"MAE", "0.041"}});
    report.facts({{"folder", "/a/<b>"}});
    report.code("purnet train --data a && b");
    report.section("Curves");
    report.charts({wave(50), wave(60)});
    report.table({{"name", "value"}, {{"<script>", "1"}}});
    report.folded_table("all values", {{"a"}, {{"1"}}});
    report.section("Pictures");
    report.heading("Best");
    report.pictures({embed_photo(test::pattern(32, 24, 3), "one"), embed_exact(test::pattern(8, 8, 1))});
    report.sheet({"image", "map"}, {{"first", {embed_photo(test::pattern(16, 16, 3)), {}}}});
    REFUSED(report.sheet({"image"}, {{"second", {}}}), "row 'second' has 0 pictures for 1 columns");
    const std::string page = report.html();
    CHECK(test::markup_error(page) == "");
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(contains(page, "<title>A run &lt;x&gt;</title>"));
    CHECK(contains(page, "&lt;script&gt;"));
    CHECK_FALSE(contains(page, "<script"));
    CHECK_FALSE(contains(page, "http://"));
    CHECK_FALSE(contains(page, "https://"));
    CHECK(contains(page, "name=\"viewport\""));
    CHECK(contains(page, "data:image/jpeg;base64,/9j/"));
    CHECK(contains(page, "data:image/png;base64,iVBOR"));
    CHECK(count_of(page, "<nav>") == 1);
}

TEST_CASE("run report: several runs stand in a table, and a part that a stage lacks leaves a gap") {
    const test::TemporaryFolder folder;
    const auto write = [&](const char* name, double best) {
        std::filesystem::create_directories(folder / name);
        JsonLog log(folder / name / "log.jsonl", {{"config", {{"rate", best}}}});
        for (int step = 1; step <= 9; ++step) {
            Json losses{{"main", 1.0 / step}};
            if (step < 4 || step > 6) losses["structural"] = 2.0 / step;
            log.write("train", {{"step", step}, {"loss", 3.0 / step}, {"losses", losses}, {"rate", 0.1}});
            if (step % 4 == 0) log.write("val", {{"step", step}, {"max_f", step == 4 ? best : 0.1}, {"mae", 0.05}});
        }
        REQUIRE(log.flush());
    };
    write("first", 0.75);
    write("second", 0.875);
    const auto page_of = [&](std::vector<std::filesystem::path> runs) {
        write_run_report({.runs = std::move(runs), .out = folder / "page.html"});
        return test::text_of_file(folder / "page.html");
    };
    const std::string both = page_of({folder / "first/", folder / "second"});
    CHECK(test::markup_error(both) == "");
    CHECK(contains(both, "<td>first</td><td>9</td><td>0.7500</td><td>0.0500</td><td>4</td>"));
    CHECK(contains(both, "<td>second</td><td>9</td><td>0.8750</td><td>0.0500</td><td>4</td>"));
    const std::string one = page_of({folder / "first"});
    CHECK(test::markup_error(one) == "");
    CHECK(contains(one, "<b>0.7500</b><span>best validation: max-F</span>"));
    // The line of the part: a second "move to" behind the gap, none in that of the other.
    const auto moves = [&](const std::string& part) {
        const size_t end = one.find("<title>" + part + "</title>");
        REQUIRE(end != std::string::npos);
        const std::string path = one.substr(one.rfind(" d=", end), end - one.rfind(" d=", end));
        return std::count(path.begin(), path.end(), 'M');
    };
    CHECK(moves("structural") == 2);
    CHECK(moves("main") == 1);
    // Runs of one name are told apart; every method of eval has its column, and the protocol is said.
    std::filesystem::create_directories(folder / "again");
    std::filesystem::copy(folder / "first", folder / "again/first", std::filesystem::copy_options::recursive);
    atomic_write(folder / "scores.json", std::string_view(R"({"protocol": "dss", "maxFm": 0.5, "methods": [
        {"name": "ours", "maxFm": 0.5, "MAE": 0.25}, {"name": "other", "maxFm": 0.75, "MAE": null}, 7]})"));
    write_run_report({.runs = {folder / "first", folder / "again/first"}, .scores = folder / "scores.json", .out = folder / "page.html"});
    const std::string twins = test::text_of_file(folder / "page.html");
    CHECK(test::markup_error(twins) == "");
    CHECK(contains(twins, "<td>" + (folder / "again/first").string() + "</td><td>9</td>"));
    CHECK(contains(twins, "by protocol dss of purnet eval"));
    CHECK(contains(twins, "<th>figure</th><th>ours</th><th>other</th><th>?</th>"));
    CHECK(contains(twins, "<td>maxFm</td><td>0.5000</td><td>0.7500</td>"));
    CHECK_FALSE(contains(twins, "<td>adpFm</td>"));
    // Photographs, by the run's best weights and by others.
    test::write_small_weights(folder / "first/best.safetensors");
    test::write_small_weights(folder / "other.safetensors");
    test::put(folder / "photo.png", 40, 30);
    const RunReportOptions shown{.runs = {folder / "first"},
                                 .photos = {(folder / "photo.png").string()},
                                 .beside = folder / "other.safetensors",
                                 .out = folder / "page.html"};
    write_run_report(shown);
    const std::string photos = test::text_of_file(folder / "page.html");
    CHECK(test::markup_error(photos) == "");
    CHECK(contains(photos, "By first/best.safetensors"));
    CHECK(contains(photos, "By other.safetensors"));
    REFUSED(write_run_report({.runs = {folder / "first"}, .beside = folder / "other.safetensors", .out = folder / "page.html"}),
            "--beside shows a network on photographs");
}

TEST_CASE("report: a table has a row for runs that differ in their seed alone, and says how large the noise is") {
    const test::TemporaryFolder folder;
    const auto run = [&](const std::string& name, const std::string& ablation, int seed, double max_f, double mae, double score) {
        const auto path = folder / name;
        std::filesystem::create_directories(path);
        {
            JsonLog log(path / "log.jsonl", {{"config", {{"ablation", ablation}, {"seed", seed}, {"out", name}, {"size", 128}}}});
            log.write("val", {{"step", 5}, {"max_f", 0.1}, {"mae", 0.9}});
            log.write("val", {{"step", 9}, {"max_f", max_f}, {"mae", mae}});
        }
        atomic_write(path / "final.safetensors", std::string("weights"));
        if (score > 0) atomic_write(path / "scores.json", Json{{"MAE", score}, {"maxFm", 1 - score}}.dump());
        return path;
    };
    const std::vector<std::filesystem::path> runs = {run("pa-1", "pa", 1, 0.90, 0.05, 0.07), run("full-1", "full", 1, 0.93, 0.04, 0.06),
                                                     run("pa-2", "pa", 2, 0.92, 0.07, 0.09), run("full-2", "full", 2, 0.93, 0.04, 0.06)};
    const std::string text = run_table(runs);
    CAPTURE(text);
    // Standard deviations by hand: 0.02 / sqrt 2 = 0.0141 in pa, 0 in full; pooled over 1 + 1 degrees 0.0100.
    CHECK(contains(text, "| --ablation pa | 2 | 0.9100 ± 0.0141 | 0.0600 ± 0.0141 | 0.0800 ± 0.0141 | - ± - |"));
    CHECK(contains(text, "| --ablation full | 2 | 0.9300 ± 0.0000 | 0.0400 ± 0.0000 |"));
    CHECK(contains(text, "| **noise** of one run | 2 degrees | 0.0100 | 0.0100 | 0.0100 |"));
    CHECK(text.find("--ablation pa") < text.find("--ablation full"));
    CHECK(contains(text, "Common to all: size 128."));
    // One run without test figures takes them from all; one run a row has no noise to tell.
    std::filesystem::remove(runs[0] / "scores.json");
    CHECK(!contains(run_table(runs), "test: MAE"));
    CHECK(contains(run_table({runs[0], runs[1]}), "One run a row"));
    const test::Outcome printed = test::run_program({"report", "--table", "-", runs[0], runs[1], runs[2], runs[3]});
    CHECK(printed.code == 0);
    CHECK(printed.out == run_table(runs));
    CHECK(test::run_program({"report", "--table", "-", "--out", folder / "page.html", runs[0]}).code == 2);
    std::filesystem::remove(runs[3] / "final.safetensors");
    REFUSED(run_table(runs), "full-2: the run is not at its end");
    atomic_write(runs[2] / "log.jsonl", std::string("{}\n"));
    REFUSED(run_table(runs), "pa-2");
}

}  // namespace purnet
