#include "apps/run/evaluation.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "tests/support/goldens.h"
#include "tests/support/markup.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::put;

Image disc(int width, int height) {
    Image image(width, height, 1);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            *image.at(x, y) = (2 * x - width) * (2 * x - width) + (2 * y - height) * (2 * y - height) < width * height ? 255 : 0;
    return image;
}

struct Folders {
    test::TemporaryFolder root;
    std::string maps() const { return (root / "maps").string(); }
    std::string masks() const { return (root / "masks").string(); }
};

}  // namespace

TEST_CASE("eval: folders are matched by path without suffix, and by name alone where structures differ") {
    const Folders f;
    for (const char* name : {"a/1.png", "a/2.png", "b/1.png"}) put(f.root / "maps" / name, disc(8, 8));
    for (const char* name : {"a/1.png", "b/1.png", "b/3.png"}) put(f.root / "masks" / name, disc(8, 8));
    const Pairing pairing = pair_folders(f.maps(), f.masks());
    REQUIRE(pairing.pairs.size() == 2);
    CHECK(pairing.pairs[0].name == "a/1");
    CHECK(pairing.pairs[1].name == "b/1");
    CHECK(pairing.maps_without_mask == std::vector<std::string>{"a/2"});
    CHECK(pairing.masks_without_map == std::vector<std::string>{"b/3"});
    CHECK_FALSE(pairing.by_file_name);

    put(f.root / "flat" / "3.png", disc(8, 8));
    CHECK_THROWS_AS(pair_folders(f.root / "flat", f.masks()), Error);  // two masks are called 1
    fs::remove(f.root / "masks" / "a" / "1.png");
    const Pairing by_name = pair_folders(f.root / "flat", f.masks());
    CHECK(by_name.by_file_name);
    CHECK(by_name.pairs.size() == 1);
    CHECK(by_name.masks_without_map == std::vector<std::string>{"1"});
}

TEST_CASE("eval: folders that cannot be matched are refused in words") {
    const Folders f;
    put(f.root / "maps" / "x.png", disc(8, 8));
    put(f.root / "masks" / "y.png", disc(8, 8));
    REFUSED(pair_folders(f.maps(), f.masks()), "(for instance 'x' and 'y')");
    REFUSED(pair_folders(f.root / "none", f.masks()), "there is no such folder of maps");
    fs::create_directories(f.root / "empty");
    REFUSED(pair_folders(f.maps(), f.root / "empty"), "no pictures in this folder of masks");
    // A link that leads back is not followed, one that leads elsewhere is.
    fs::create_directory_symlink(f.masks(), f.root / "masks" / "self");
    CHECK(picture_names(f.masks(), "masks").size() == 1);
    fs::create_directory_symlink(f.maps(), f.root / "masks" / "other");
    fs::create_directory_symlink(f.masks(), f.root / "maps" / "back");
    CHECK(picture_names(f.masks(), "masks").size() == 2);
    fs::remove(f.root / "maps" / "back");
    put(f.root / "maps" / "x.bmp", disc(8, 8));
    REFUSED(pair_folders(f.maps(), f.masks()), "have one name");
}

TEST_CASE("eval: another size is a failure of its pair, or scaled on demand") {
    const Folders f;
    put(f.root / "maps" / "same.png", disc(20, 10));
    put(f.root / "masks" / "same.png", disc(20, 10));
    put(f.root / "maps" / "smaller.png", disc(10, 5));
    put(f.root / "masks" / "smaller.png", disc(20, 10));
    const Evaluation strict = evaluate("m", f.maps(), f.masks(), {});
    CHECK(strict.images.size() == 1);
    REQUIRE(strict.failures.size() == 1);
    CHECK(strict.failures[0].name == "smaller");
    CHECK(test::contains(strict.failures[0].error, "is 10 x 5 pixels, its mask 20 x 10; --resize"));
    CHECK_FALSE(strict.complete());
    for (const metrics::Protocol protocol : {metrics::Protocol::pysod, metrics::Protocol::purnet}) {
        const Evaluation scaled = evaluate("m", f.maps(), f.masks(), {protocol, false, true});
        CHECK(scaled.complete());
        REQUIRE(scaled.images.size() == 2);
        CHECK(scaled.images[1].resized);
        CHECK_FALSE(scaled.images[0].resized);
        CHECK(scaled.images[1].scores.mae > 0);
        CHECK(scaled.images[1].scores.mae < 0.15);
    }
}

TEST_CASE("eval: the program's JSON holds the golden figures, of the set and of each image, for any number of threads") {
    const std::string maps = test::golden_path("metrics/preds"), masks = test::golden_path("metrics/masks");
    const test::TemporaryFolder folder;
    std::vector<std::string> texts;
    for (const char* threads : {"1", "2"}) {
        const std::string file = folder / threads;
        const test::Outcome outcome = test::run_program(
            {"eval", "--pred", maps, "--gt", masks, "--json", file, "--threads", threads, "--bootstrap", "20", "--extra", "--quiet"});
        CHECK(outcome.code == 0);
        CHECK(outcome.err.empty());
        CHECK(test::contains(outcome.out, "preds       57  0.284     0.577      0.474  0.423   0.493  0.528"));
        texts.push_back(test::text_of_file(file));
    }
    CHECK(texts[0] == texts[1]);
    const json got = json::parse(texts[0]);
    const json golden = json::parse(test::text_of_file(test::golden_path("metrics/golden.json")));
    CHECK(got.at("schema") == "purnet-eval");
    CHECK(got.at("version") == 1);
    CHECK(got.at("count") == 57);
    CHECK(got.at("interval95").at("MAE").at(0).get<double>() < got.at("MAE").get<double>());
    std::map<std::string, json> images;
    for (const json& image : got.at("images")) images[image.at("name")] = image;
    int compared = 0;
    for (const json& image : golden.at("images"))
        for (const auto& [key, value] : image.at("metrics").items()) {
            const double wanted = value.is_null() ? image.at("Smeasure_empty_quadrant_as_zero").get<double>() : value.get<double>();
            const double here = images.at(image.at("name")).at(key);
            CHECK(std::abs(here - wanted) <= 1e-9 * std::max(1.0, std::abs(wanted)));
            ++compared;
        }
    CHECK(compared == 57 * 9);
    CHECK(std::abs(got.at("Smeasure").get<double>() - golden.at("aggregate").at("Smeasure_empty_quadrant_as_zero").get<double>()) < 1e-9);
    CHECK(got.at("methods").at(0).at("curves").at("fm").size() == 256);
}

TEST_CASE("eval: several methods, missing partners, unreadable files: exit 3 and plain words") {
    const Folders f;
    for (const char* name : {"1.png", "2.png", "3.png"}) {
        put(f.root / "maps" / name, disc(12, 9));
        put(f.root / "masks" / name, disc(12, 9));
        put(f.root / "other" / name, disc(12, 9));
    }
    const std::string csv = f.root / "out.csv", ours = "ours=" + f.maps(), other = f.root / "other";
    const test::Outcome fine = test::run_program({"eval", "--pred", ours, other, "--gt", f.masks(), "--csv", csv, "--bootstrap", "5"});
    CHECK(fine.code == 0);
    CHECK(test::contains(fine.out, "\nours "));
    CHECK(test::contains(fine.out, "\nother "));
    CHECK(test::contains(fine.out, "other - ours"));
    const std::string rows = test::text_of_file(csv);
    CHECK(std::count(rows.begin(), rows.end(), '\n') == 7);
    CHECK(rows.starts_with("method,name,MAE,Smeasure,"));
    CHECK(test::contains(rows, "\nours,2,0,"));

    // For a pipe: the JSON alone, as a file would hold it.
    const std::string file = f.root / "scores.json";
    const test::Outcome piped = test::run_program({"eval", "--pred", ours, "--gt", f.masks(), "--json", "-"});
    CHECK(piped.code == 0);
    CHECK(test::run_program({"eval", "--pred", ours, "--gt", f.masks(), "--json", file}).code == 0);
    CHECK(piped.out.starts_with("{"));
    CHECK(piped.out == test::text_of_file(file));

    for (const char* name : {"1.png", "2.png"}) put(f.root / "photos" / name, test::pattern(300, 200, 3));
    const std::string page_file = f.root / "page.html", curves = f.root / "curves.svg", photos = f.root / "photos";
    CHECK(test::run_program({"eval", "--pred", ours, other, "--gt", f.masks(), "--html", page_file, "--images", photos, "--curves", curves,
                             "--bootstrap", "3", "--shown", "2"})
              .code == 0);
    const std::string page = test::text_of_file(page_file), svg = test::text_of_file(curves);
    CHECK(test::markup_error(page) == "");
    CHECK(test::markup_error(svg) == "");
    CHECK(test::contains(page, "Precision over recall"));
    CHECK(test::contains(page, "width=\"240\" height=\"160\""));
    CHECK(test::contains(page, "other - ours"));
    CHECK(test::contains(svg, "E-measure over threshold"));
    CHECK(test::run_program({"eval", "--pred", ours, "--gt", f.masks(), "--protocol", "purnet", "--curves", curves}).code == 2);
    CHECK(test::run_program({"eval", "--pred", ours, "--gt", f.masks(), "--html", page_file, "--images", f.root / "none"}).code == 1);

    // Links in a circle are no maps; names that are no UTF-8 still make valid JSON.
    fs::create_symlink("loop.png", f.root / "maps" / "loop.png");
    put(f.root / "maps" / "\xff.png", disc(12, 9));
    put(f.root / "masks" / "\xff.png", disc(12, 9));
    const std::string json = f.root / "odd.json";
    CHECK(test::run_program({"eval", "--pred", ours, "--gt", f.masks(), "--json", json}).code == 0);
    CHECK(nlohmann::json::parse(test::text_of_file(json), nullptr, false).is_object());
    for (const char* folder : {"maps", "masks"}) fs::remove(f.root / folder / "\xff.png");
    fs::remove(f.root / "maps" / "loop.png");

    fs::remove(f.root / "maps" / "1.png");
    atomic_write(f.root / "maps" / "2.png", std::string_view("this is text"));
    put(f.root / "maps" / "4.png", disc(12, 9));
    const test::Outcome some = test::run_program({"eval", "--pred", ours, "--gt", f.masks()});
    CHECK(some.code == 3);
    CHECK(test::contains(some.err, "ours: 1 mask has no map: 1"));
    CHECK(test::contains(some.err, "ours: 1 map has no mask: 4"));
    CHECK(test::contains(some.err, "2.png: this is text, not a picture"));
    CHECK(test::contains(some.out, "ours         1  0.000"));

    fs::remove(f.root / "maps" / "3.png");
    CHECK(test::run_program({"eval", "--pred", ours, "--gt", f.masks()}).code == 1);
    CHECK(test::run_program({"eval", "--pred", other, "--gt", f.masks(), "--extra", "--protocol", "dss"}).code == 2);
    CHECK(test::run_program({"eval", "--pred", other, "--gt", f.masks(), "--json", f.root / "no/such/folder/x.json"}).code == 1);
}

TEST_CASE("eval: frames in folders get a line for every folder") {
    const Folders f;
    for (const char* name : {"bear/0.png", "bear/1.png", "swan/0.png"}) {
        put(f.root / "masks" / name, disc(12, 9));
        put(f.root / "maps" / name, name[0] == 's' ? Image(12, 9, 1, 255) : disc(12, 9));
    }
    const std::string file = f.root / "x.json";
    const test::Outcome outcome = test::run_program({"eval", "--pred", f.maps(), "--gt", f.masks(), "--folders", "--json", file});
    CHECK(outcome.code == 0);
    CHECK(test::contains(outcome.out, "bear         2  0.000"));
    CHECK(test::contains(outcome.out, "swan         1  "));
    const json got = json::parse(test::text_of_file(file));
    REQUIRE(got.at("folders").size() == 2);
    CHECK(got.at("folders").at(0).at("count") == 2);
    CHECK(got.at("folders").at(1).at("MAE").get<double>() > 0.1);
    CHECK(got.at("images").at(2).at("name") == "swan/0");
}

}  // namespace purnet
