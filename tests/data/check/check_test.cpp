// Faults are seeded one by one into a clean data set, and each must be found by its name, in the right file, and nothing else.
#include "data/check/check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <random>

#include "core/formats/atomic_file.h"
#include "data/check/duplicates.h"
#include "data/image/encode.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/picture_files.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;
using test::put;

// A picture of its own for every seed: waves of a few directions, in colour.
Image scene(uint32_t seed, int width = 96, int height = 72) {
    std::mt19937 random(seed);
    const auto draw = [&](double low, double high) { return low + (high - low) * (random() / 4294967296.0); };
    double waves[6][4];
    for (auto& wave : waves) {
        wave[0] = draw(-9, 9), wave[1] = draw(-9, 9), wave[2] = draw(0, 6.3), wave[3] = draw(10, 30);
    }
    Image image(width, height, 3);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < 3; ++c) {
                double v = 128;
                for (const auto& wave : waves)
                    v += wave[3] * std::sin(wave[0] * (x + 0.5) / width + wave[1] * (y + 0.5) / height + wave[2] + 0.2 * c);
                image.at(x, y)[c] = static_cast<uint8_t>(std::clamp(v, 0.0, 255.0));
            }
    return image;
}

Image mirrored(const Image& image) {
    Image result(image.width, image.height, image.channels);
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x) std::copy_n(image.at(x, y), image.channels, result.at(image.width - 1 - x, y));
    return result;
}

Image scaled(const Image& image, int width, int height) {
    Image result(width, height, image.channels);
    resize_bilinear(image.pixels.data(), image.height, image.width, image.channels, result.pixels.data(), height, width);
    return result;
}

Image brighter(Image image, int by) {
    for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(std::min(255, value + by));
    return image;
}

// A white rectangle on black.
Image mask_of(int width = 96, int height = 72, int left = 20) {
    Image mask(width, height, 1, 0);
    for (int y = 20; y < 50; ++y)
        for (int x = left; x < left + 40; ++x) mask.at(x, y)[0] = 255;
    return mask;
}

void put_pair(const fs::path& folder, const std::string& name, const Image& picture, const Image& mask) {
    put(folder / "images" / (name + ".png"), picture);
    put(folder / "masks" / (name + ".png"), mask);
}

// Five pairs without a fault.
void put_clean(const fs::path& folder, uint32_t first = 1) {
    for (uint32_t i = 0; i < 5; ++i) put_pair(folder, "clean" + std::to_string(first + i), scene(first + i), mask_of());
}

// "sizes-differ images/a.png; leak ..." without the folder in front, to compare all findings at once.
std::string found_in(const fs::path& folder, const CheckResult& result) {
    std::string text;
    for (const Finding& finding : result.findings) {
        text += (text.empty() ? "" : "; ") + std::string(name_of(finding.fault));
        for (const Place& place : finding.places)
            text += " " + (place.file.starts_with(folder.string()) ? place.file.substr(folder.string().size() + 1) : place.file);
    }
    return text;
}

CheckResult check_one(const fs::path& folder, const CheckOptions& options = {}) {
    return check_data({{"train", {folder.string()}}}, options);
}

}  // namespace

TEST_CASE("check: stored otherwise, scaled, brighter and mirrored pictures are alike, others are not") {
    for (uint32_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const Image picture = scene(seed);
        const Signature own = signature_of(picture);
        CHECK(likeness(own, own).correlation == doctest::Approx(1));
        CHECK(likeness(own, signature_of(decode_rgb(encode_jpeg(picture, 60), "again.jpg"))).correlation > 0.99);
        CHECK(likeness(own, signature_of(scaled(picture, 141, 100))).correlation > 0.99);
        CHECK(likeness(own, signature_of(brighter(picture, 12))).correlation > 0.97);
        CHECK_FALSE(likeness(own, signature_of(scaled(picture, 50, 40))).mirrored);
        const Likeness flipped = likeness(own, signature_of(mirrored(picture)));
        CHECK(flipped.correlation > 0.99);
        CHECK(flipped.mirrored);
        for (uint32_t other = 1; other < seed; ++other) CHECK(likeness(own, signature_of(scene(other))).correlation < 0.9);
    }
}

TEST_CASE("check: a picture of one colour is like its exact copy only") {
    const Image grey(40, 30, 3, 128), lighter(40, 30, 3, 129);
    const Signature one = signature_of(grey), two = signature_of(lighter), copy = signature_of(grey);
    CHECK(one.flat);
    CHECK(likeness(one, two).correlation == 0);
    CHECK(one.same(copy));
    CHECK_FALSE(one.same(two));
}

TEST_CASE("check: content hashes notice every byte and the shape") {
    std::vector<uint8_t> bytes(29);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37);
    const uint64_t whole = content_hash(bytes.data(), bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) {
        std::vector<uint8_t> changed = bytes;
        changed[i] ^= 1;
        CHECK(content_hash(changed.data(), changed.size()) != whole);
        CHECK(content_hash(bytes.data(), i) != whole);
    }
    const Image wide(6, 4, 3, 9), tall(4, 6, 3, 9);
    CHECK(signature_of(wide).content != signature_of(tall).content);
}

TEST_CASE("check: duplicates are grouped, whatever the number of threads") {
    std::vector<Signature> signatures;
    for (uint32_t i = 0; i < 60; ++i) signatures.push_back(signature_of(scene(100 + i)));
    signatures[41] = signatures[40] = signatures[7];            // exact copies
    signatures[55] = signature_of(scaled(scene(112), 60, 60));  // 12 once more, smaller
    signatures[30] = signature_of(mirrored(scene(112)));
    std::vector<const Signature*> pictures;
    for (const Signature& signature : signatures) pictures.push_back(&signature);
    pictures[40] = nullptr;
    const int threads = thread_count();
    for (const int count : {1, 3}) {
        set_thread_count(count);
        const Duplicates found = find_duplicates(pictures, 0.95);
        REQUIRE(found.exact.size() == 1);
        CHECK(found.exact[0].members == std::vector<size_t>{7, 41});
        REQUIRE(found.near.size() == 1);
        CHECK(found.near[0].members == std::vector<size_t>{12, 30, 55});
        CHECK(found.near[0].mirrored);
        CHECK(found.near[0].least > 0.95);
        CHECK(found.near[0].most <= 1.0001);
    }
    set_thread_count(threads);
    CHECK(find_duplicates(pictures, 2).near.empty());
    CHECK(find_duplicates({}, 0.9).exact.empty());
}

TEST_CASE("check: a clean data set has no findings") {
    const test::TemporaryFolder folder;
    put_clean(folder.path());
    size_t announced = 0;
    std::atomic<size_t> read = 0;
    CheckOptions options;
    options.opened = [&](size_t pairs) { announced = pairs; };
    options.read = [&] { ++read; };
    const CheckResult result = check_one(folder.path(), options);
    CHECK(found_in(folder.path(), result) == "");
    CHECK(result.splits.at(0).pairs == 5);
    CHECK(result.splits[0].described.find("5 pairs (images/ + masks/)") != std::string::npos);
    CHECK(announced == 5);
    CHECK(read == 5);
}

TEST_CASE("check: every fault of a single file is named") {
    struct Case {
        std::string expected, detail;
        std::function<void(const fs::path&)> seed;
    };
    const Image picture = scene(50);
    const auto with_mask = [&](const Image& mask) {
        return [&picture, mask](const fs::path& folder) { put_pair(folder, "a", picture, mask); };
    };
    Image full(96, 72, 1, 255), empty(96, 72, 1, 0), dark = mask_of(), grey = mask_of(), soft = mask_of(), red(96, 72, 3, 0);
    for (uint8_t& value : dark.pixels) value /= 255;
    for (int y = 0; y < 20; ++y)
        for (int x = 0; x < 96; ++x) grey.at(x, y)[0] = static_cast<uint8_t>(2 * x + 20);
    for (int y = 19; y < 51; ++y) soft.at(19, y)[0] = soft.at(60, y)[0] = 120;  // a border of one grey pixel
    for (int x = 30; x < 60; ++x) {
        for (int y = 20; y < 50; ++y) red.at(x, y)[0] = red.at(x, y)[1] = 255;  // yellow: grey 226
    }
    const std::vector<Case> cases{
        {"empty-mask masks/a.png", "", with_mask(empty)},
        {"full-mask masks/a.png", "", with_mask(full)},
        {"dark-mask masks/a.png", "its largest value is 1", with_mask(dark)},
        {"grey-mask masks/a.png", "% of its pixels", with_mask(grey)},
        {"", "", with_mask(soft)},
        {"grey-mask masks/a.png; colour-mask masks/a.png", "", with_mask(red)},
        {"sizes-differ images/a.png", "picture 96 x 72, mask 96 x 73", with_mask(mask_of(96, 73))},
        {"picture-without-mask images/b.png", "", [&](const fs::path& folder) { put(folder / "images/b.png", picture); }},
        {"mask-without-picture masks/b.png", "", [&](const fs::path& folder) { put(folder / "masks/b.png", mask_of()); }},
        {"superfluous-mask masks/a.jpg", "",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             put(folder / "masks/a.jpg", mask_of());
         }},
        {"unreadable-picture images/a.png", "ends early",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             fs::resize_file(folder / "images/a.png", 200);
         }},
        {"unreadable-mask masks/a.png", "the file is empty",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             fs::resize_file(folder / "masks/a.png", 0);
         }},
        {"unreadable-regions superpixels/a.png", "colour",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             put(folder / "superpixels/a.png", picture);
         }},
        {"unreadable-regions superpixels/a.png", "label 4112 is beyond 4095",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             Image16 labels(96, 72, 1);
             labels.pixels[5] = 4112;
             const std::vector<uint8_t> bytes = encode_png(labels);
             fs::create_directories(folder / "superpixels");
             atomic_write(folder / "superpixels/a.png", std::string(bytes.begin(), bytes.end()));
         }},
        {"sizes-differ images/a.png", "region labels 10 x 72",
         [&](const fs::path& folder) {
             put_pair(folder, "a", picture, mask_of());
             put(folder / "superpixels/a.png", Image(10, 72, 1, 3));
         }},
        {"duplicate images/a.png images/clean3.png", "the same pixels",
         [&](const fs::path& folder) { put_pair(folder, "a", scene(3), mask_of()); }},
        {"duplicate images/a.png images/clean3.png", "different masks",
         [&](const fs::path& folder) { put_pair(folder, "a", scene(3), mask_of(96, 72, 30)); }},
        {"near-duplicate images/a.png images/clean3.png", "correlation 0.9",
         [&](const fs::path& folder) { put_pair(folder, "a", scaled(scene(3), 150, 120), mask_of(150, 120)); }},
        {"near-duplicate images/a.png images/clean3.png", "mirrored",
         [&](const fs::path& folder) { put_pair(folder, "a", mirrored(scene(3)), mask_of()); }},
    };
    for (const Case& one : cases) {
        const test::TemporaryFolder folder;
        put_clean(folder.path());
        one.seed(folder.path());
        const CheckResult result = check_one(folder.path());
        CHECK(found_in(folder.path(), result) == one.expected);
        if (result.findings.empty()) continue;
        INFO(result.findings[0].detail);
        CHECK(result.findings[0].detail.find(one.detail) != std::string::npos);
        CHECK(result.errors() + result.warnings() == result.findings.size());
        CHECK((result.errors() > 0) == is_error(result.findings[0].fault));
    }
}

TEST_CASE("check: pictures shared by two splits are leaks, exact and near ones") {
    const test::TemporaryFolder folder;
    put_clean(folder / "train");
    put_clean(folder / "test", 20);
    put_pair(folder / "test", "copy", scene(2), mask_of());
    put_pair(folder / "test", "near", scaled(scene(4), 110, 90), mask_of(110, 90));
    const std::vector<Split> splits{{"train", {(folder / "train").string()}}, {"test", {(folder / "test").string()}}};
    const CheckResult result = check_data(splits);
    CHECK(found_in(folder.path(), result) ==
          "leak train/images/clean2.png test/images/copy.png; leak train/images/clean4.png test/images/near.png");
    CHECK(result.findings.at(0).places.at(1).split == 1);
    CheckOptions exact_only;
    exact_only.near = 2;
    CHECK(check_data(splits, exact_only).count(Fault::leak) == 1);
}

TEST_CASE("check: a source that can't be opened is a finding, the others are read") {
    const test::TemporaryFolder folder;
    put_clean(folder / "good");
    atomic_write(folder / "bad.tar", std::string(2000, 'x'));
    const std::string bad = (folder / "bad.tar").string();
    const CheckResult result = check_data({{"train", {bad, (folder / "good").string()}}});
    CHECK(found_in(folder.path(), result) == "unreadable-source bad.tar");
    CHECK(result.findings.at(0).detail.find("no tar archive") != std::string::npos);
    CHECK(result.splits.at(0).pairs == 5);
}

}  // namespace purnet
