// purnet check-data as a user meets it: exit codes, the report, the JSON.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/formats/atomic_file.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet::test {
namespace {

namespace fs = std::filesystem;

// The lower half is white.
Image mask(int width, int height) {
    Image image(width, height, 1, 0);
    std::fill(image.row(height / 2), image.row(0) + image.pixels.size(), uint8_t{255});
    return image;
}

}  // namespace

TEST_CASE("check-data: exit code 0 for warnings alone, 4 for errors, and the report names them") {
    const TemporaryFolder folder;
    const std::string data = (folder / "set").string(), found = (folder / "found.json").string();
    put(folder / "set/images/a.png", pattern(40, 30, 3));
    put(folder / "set/masks/a.png", mask(40, 30));
    Outcome outcome = run_program({"check-data", "--data", data});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.out, "train: 1 pair\n"));
    CHECK(contains(outcome.out, "\nno errors, no warnings in 1 pair\n"));

    put(folder / "set/images/b.png", pattern(40, 30, 3));
    put(folder / "set/masks/b.png", Image(40, 30, 1, 0));
    outcome = run_program({"check-data", "--data", data});
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.out, "warning: 1 mask is empty [empty-mask]\n  " + data + "/masks/b.png\n"));
    CHECK(contains(outcome.out, "warning: 1 picture is there more than once [duplicate]\n  " + data + "/images/a.png = " + data +
                                    "/images/b.png (the same pixels, but different masks)\n"));
    CHECK(contains(outcome.out, "\nno errors, 2 warnings in 2 pairs\n"));

    put(folder / "test/images/c.png", pattern(40, 30, 3));
    put(folder / "test/masks/c.png", mask(40, 30));
    for (const char* name : {"d", "e", "f"}) put(folder / "test/images" / (std::string(name) + ".png"), pattern(20, 30, 3));
    outcome = run_program({"check-data", "--data", data, "--test", (folder / "test").string(), "--shown", "2", "--json", found});
    CHECK(outcome.code == 4);
    CHECK(contains(outcome.out, "error: 3 pictures have no mask [picture-without-mask]\n"));
    CHECK(contains(outcome.out, "/images/e.png\n  and 1 more\n"));
    CHECK(contains(outcome.out, "error: 1 picture is in more than one split [leak]\n  train " + data + "/images/a.png = train "));
    const nlohmann::json json = nlohmann::json::parse(text_of_file(found));
    CHECK(json.at("schema") == "purnet-check");
    CHECK(json.at("errors") == 4);
    CHECK(json.at("warnings") == 1);
    CHECK(json.at("splits").at(1).at("name") == "test");
    CHECK(json.at("splits")[1].at("pairs") == 1);
    CHECK(json.at("counts").at("picture-without-mask") == 3);
    CHECK(json.at("findings").size() == 5);
    const nlohmann::json& leak = json["findings"][3];
    CHECK(leak.at("fault") == "leak");
    CHECK(leak.at("severity") == "error");
    CHECK(leak.at("files").at(2).at("split") == "test");
}

TEST_CASE("check-data: an absent source is an error of the check") {
    const Outcome outcome = run_program({"check-data", "--data", "/nowhere/at/all"});
    CHECK(outcome.code == 4);
    CHECK(contains(outcome.out, "error: 1 source can't be read [unreadable-source]\n  /nowhere/at/all"));
    CHECK(run_program({"check-data"}).code == 2);
    CHECK(run_program({"check-data", "--data", "x", "--near", "0.2"}).code == 2);
}

}  // namespace purnet::test
