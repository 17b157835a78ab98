// The benchmarks as a program: rows as small as they get, their report read back, what cannot work. Longer rows run on one thread: two
// would spin at each other for the cores that other tests hold.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/formats/atomic_file.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet {
namespace {

using test::contains;

test::Outcome bench(const std::vector<std::string>& words) { return test::RunningProgram(words, {}, "bench").wait(); }

test::Outcome bench_nets(const std::string& filter, std::vector<std::string> more) {
    more.insert(more.begin(), {"nets", "--seconds", "0", "--sizes", "32", "--filter", filter});
    return bench(more);
}

nlohmann::json rows_of(const std::filesystem::path& file) {
    const nlohmann::json json = nlohmann::json::parse(test::text_of_file(file), nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["ceilings"]["gflops"] > 0);
    CHECK(json["ceilings"]["gbytes"] > 0);
    for (const nlohmann::json& row : json["rows"]) {
        CHECK(row["best_ms"] > 0);
        CHECK(row["median_ms"] >= row["best_ms"]);
        CHECK(row["spread"] >= 0);
    }
    return json["rows"];
}

}  // namespace

TEST_CASE("bench nets: a map is timed, its report holds the rates, and the next run reads it") {
    const test::TemporaryFolder folder;
    const std::string report = folder / "report.json";
    const test::Outcome first = bench_nets("inference.light.f32", {"--threads", "1,2", "--json", report});
    REQUIRE_MESSAGE(first.code == 0, first.err);
    const nlohmann::json rows = rows_of(report);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["name"] == "inference.light.f32.32.b1.t1");
    CHECK(rows[1]["name"] == "inference.light.f32.32.b1.t2");
    CHECK(rows[0]["gflops"] > 0);
    CHECK(rows[0]["gflops_share"] > 0);
    CHECK(!contains(first.out, "x\n"));
    const test::Outcome second = bench_nets("inference.light.f32", {"--threads", "1", "--compare", report});
    REQUIRE_MESSAGE(second.code == 0, second.err);
    CHECK(contains(second.out, "inference.light.f32.32.b1.t1"));
    CHECK(contains(second.out, "x  "));
}

TEST_CASE("bench nets: a folder of photographs goes through the program, with its peak memory") {
    const test::TemporaryFolder folder;
    const std::string report = folder / "report.json";
    const test::Outcome outcome = bench_nets("folder.light", {"--threads", "1", "--photographs", "2", "--json", report});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    const nlohmann::json rows = rows_of(report);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["name"] == "folder.light.32.t1");
    CHECK(rows[0]["ratio"] > 1);
    CHECK(rows[0]["peak_mb"] > 5);
}

TEST_CASE("bench nets: the loader and the step, in turns") {
    const test::TemporaryFolder folder;
    const std::string report = folder / "report.json";
    const test::Outcome outcome = bench_nets("training.light.loader", {"--threads", "1", "--json", report});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    const nlohmann::json rows = rows_of(report);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["ratio"] > 0);
    CHECK(rows[0]["waited"] >= 0);
}

TEST_CASE("bench: names are listed; what cannot work is said before anything is measured") {
    const test::Outcome list = bench({"nets", "--list", "--filter", "loader", "--sizes", "64,96"});
    CHECK(list.code == 0);
    CHECK(list.out ==
          "loader.pictures.64\nloader.superpixels.64\nloader.superpixels-cached.64\n"
          "loader.pictures.96\nloader.superpixels.96\nloader.superpixels-cached.96\n");

    const test::TemporaryFolder folder;
    const std::string file = folder / "report.json";
    for (const char* text : {"", "[]", "{\"rows\": 3}", "{\"rows\": [3]}", "{\"rows\": [{\"name\": \"a\"}]}",
                             "{\"rows\": [{\"name\": 3, \"best_ms\": 1}]}", "{\"rows\": [{\"name\": \"a\", \"best_ms\": \"1\"}]}"}) {
        atomic_write(file, text);
        for (const char* command : {"nets", "ops", "ways"}) {
            const test::Outcome refused = bench({command, "--compare", file});
            CHECK(refused.code == 1);
            CHECK(refused.out.empty());
            CHECK(contains(refused.err, "report.json: is no report of bench"));
        }
    }
    const auto refused = [&](int code, const std::string& part, const std::vector<std::string>& words) {
        INFO(part);
        const test::Outcome outcome = bench(words);
        CHECK(outcome.code == code);
        CHECK(outcome.out.empty());
        CHECK(contains(outcome.err, part));
    };
    refused(1, "cannot read", {"nets", "--compare", folder / "nothing.json"});
    refused(1, "nowhere", {"nets", "--json", folder / "nowhere" / "report.json"});
    refused(1, "whose name begins with 'nothing'", {"nets", "--filter", "nothing"});
    refused(1, "ways are those of a CUDA device: 'cpu' is none", {"ways", "--device", "cpu"});
    refused(2, "--batch", {"ways", "--batch", "0"});
    refused(2, "--sizes", {"nets", "--sizes", "16"});
    refused(2, "--batches", {"nets", "--batches", "1,two"});
    refused(2, "--threads", {"nets", "--threads", "0"});
    refused(2, "--photographs", {"nets", "--photographs", "0"});
    refused(2, "subcommand", {});
}

}  // namespace purnet
