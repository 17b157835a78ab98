// Which pictures are held out: near-duplicates together, whatever holds the files.
#include "data/check/held_out.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>

#include "core/formats/atomic_file.h"
#include "core/random/philox.h"
#include "data/check/perceptual_hash.h"
#include "data/image/decode.h"
#include "data/image/encode.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

// A picture of its own for every seed.
Image scene(uint64_t seed, int width = 240, int height = 180) {
    RandomDraws random(RandomStream(seed, "scene"), 0, 0);
    double waves[6][4];
    for (auto& wave : waves) {
        for (double* v : {&wave[0], &wave[1]}) *v = 18 * random.uniform() - 9;
        wave[2] = 6 * random.uniform(), wave[3] = 10 + 20 * random.uniform();
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

Image scaled(const Image& image, int width, int height) {
    Image result(width, height, 3);
    resize_bilinear(image.pixels.data(), image.height, image.width, 3, result.pixels.data(), height, width);
    return result;
}

std::string picture_name(int i) { return "p" + std::to_string(100 + i); }

void put(const fs::path& folder, int i, const std::vector<uint8_t>& picture) {
    fs::create_directories(folder / "images");
    fs::create_directories(folder / "masks");
    atomic_write(folder / "images" / (picture_name(i) + ".jpg"), picture);
    atomic_write(folder / "masks" / (picture_name(i) + ".png"), encode_png(Image(8, 6, 1, 255)));
}

// 24 pictures; 3 = 11 exactly, 5 ~ 17 (stored again) ~ 20 (smaller), the rest alone; 23 can't be read.
void make_set(const fs::path& folder) {
    for (int i = 0; i < 23; ++i) put(folder, i, encode_jpeg(scene(static_cast<uint64_t>(i)), 92));
    put(folder, 11, encode_jpeg(scene(3), 92));
    put(folder, 17, encode_jpeg(scene(5), 55));
    put(folder, 20, encode_jpeg(scaled(scene(5), 130, 100), 90));
    put(folder, 23, {'n', 'o'});
}

const std::vector<int64_t> groups_of_the_set = [] {
    std::vector<int64_t> groups(24);
    std::iota(groups.begin(), groups.end(), int64_t{0});
    groups[11] = 3, groups[17] = groups[20] = 5;
    return groups;
}();

// One header and the bytes, padded to blocks of 512.
void add_to_tar(std::string& tar, const std::string& name, const std::vector<uint8_t>& bytes) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    char number[16];
    std::snprintf(number, sizeof number, "%011zo", bytes.size());
    header.replace(124, 11, number);
    header[156] = '0';
    header.replace(257, 8, std::string("ustar\00000", 8));
    header.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(number, sizeof number, "%06o", sum);
    header.replace(148, 7, std::string(number, 7));
    tar += header;
    tar.append(bytes.begin(), bytes.end());
    tar.append((512 - bytes.size() % 512) % 512, '\0');
}

}  // namespace

TEST_CASE("held out: near-duplicates are one group, in folders, lists and tars, whatever the number of threads") {
    const test::TemporaryFolder folder;
    make_set(folder.path());
    const DataSet set = open_data(folder.path().string());
    const int threads = thread_count();
    for (const int count : {1, 3}) {
        set_thread_count(count);
        CHECK(alike_groups(set) == groups_of_the_set);
    }
    set_thread_count(threads);

    std::string tar, list;
    for (int i = 0; i < 24; ++i) {
        const std::string image = "images/" + picture_name(i) + ".jpg", mask = "masks/" + picture_name(i) + ".png";
        for (const std::string& name : {image, mask}) add_to_tar(tar, name, read_picture_bytes(folder / name));
        list += image + " " + mask + "\n";
    }
    atomic_write(folder / "list.txt", list);
    CHECK(alike_groups(open_data((folder / "list.txt").string())) == groups_of_the_set);
    fs::create_directories(folder / "packed");
    atomic_write(folder / "packed/set.tar", tar + std::string(1024, '\0'));
    CHECK(alike_groups(open_data((folder / "packed/set.tar").string())) == groups_of_the_set);
}

TEST_CASE("held out: no group is torn apart, the share is right, and the seed alone decides") {
    std::set<std::vector<int64_t>> draws;
    for (uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        const HeldOut split = hold_out(groups_of_the_set, 0.25, seed);
        CHECK(split.held_out.size() == 6);
        CHECK(split.train.size() == 18);
        std::set<int64_t> groups;
        for (const int64_t i : split.held_out) groups.insert(groups_of_the_set[static_cast<size_t>(i)]);
        for (const int64_t i : split.train) CHECK_FALSE(groups.contains(groups_of_the_set[static_cast<size_t>(i)]));
        const HeldOut again = hold_out(groups_of_the_set, 0.25, seed);
        CHECK(again.held_out == split.held_out);
        CHECK(std::is_sorted(split.held_out.begin(), split.held_out.end()));
        draws.insert(split.held_out);
    }
    CHECK(draws.size() > 30);
}

TEST_CASE("held out: without near-duplicates it is the plain draw; small and impossible sets") {
    std::vector<int64_t> alone(30);
    std::iota(alone.begin(), alone.end(), int64_t{0});
    const std::vector<int64_t> order = RandomStream(7, "held out").permutation(0, 30);
    std::vector<int64_t> wanted(order.begin(), order.begin() + 3);
    std::sort(wanted.begin(), wanted.end());
    CHECK(hold_out(alone, 0.1, 7).held_out == wanted);
    CHECK(hold_out(alone, 0, 7).held_out.empty());
    CHECK(hold_out(alone, 1e-9, 7).held_out.size() == 1);
    CHECK(hold_out({0}, 0.5, 1).train == std::vector<int64_t>{0});
    // Groups of three and five: neither is as small as one picture, so the smaller one is held out whole.
    CHECK(hold_out({0, 1, 0, 1, 1, 1, 0, 1}, 0.1, 3).held_out == std::vector<int64_t>{0, 2, 6});
    REFUSED(hold_out({0, 0, 0}, 0.4, 1), "all 3 pictures are near-duplicates of each other");
    CHECK(hold_out({0, 0, 0}, 0, 1).train.size() == 3);
    REFUSED(hold_out(alone, 1, 1), "held out is 1");
}

TEST_CASE("held out: a picture reduced while it is decoded looks the same") {
    const Image picture = scene(77, 640, 480);
    const std::vector<uint8_t> jpeg = encode_jpeg(picture, 90);
    const Image reduced = decode_rgb_reduced(jpeg, "a.jpg", 48), half = decode_rgb_reduced(jpeg, "a.jpg", 200);
    CHECK(reduced.width == 80);
    CHECK(reduced.height == 60);
    CHECK(half.width == 320);
    CHECK(decode_rgb_reduced(jpeg, "a.jpg", 241) == decode_rgb(jpeg, "a.jpg"));
    const Likeness like = likeness(signature_of(reduced), signature_of(picture));
    CHECK(like.correlation > 0.995);
    const std::vector<uint8_t> png = encode_png(picture);
    CHECK(decode_rgb_reduced(png, "a.png", 8) == picture);
    REFUSED(decode_rgb_reduced(std::vector<uint8_t>(jpeg.begin(), jpeg.begin() + 3000), "cut.jpg", 48), "cut.jpg: the JPEG ends early");
}

}  // namespace purnet
