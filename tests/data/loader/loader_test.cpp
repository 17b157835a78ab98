#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/formats/npy.h"
#include "data/image/encode.h"
#include "data/loader/loader.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

// Pictures whose left half is darker, masks that are set where the picture is dark.
void make_set(const fs::path& folder, int count) {
    fs::create_directories(folder / "images");
    fs::create_directories(folder / "masks");
    for (int i = 0; i < count; ++i) {
        Image rgb(40, 30, 3), mask(40, 30, 1);
        for (int y = 0; y < 30; ++y)
            for (int x = 0; x < 40; ++x) {
                for (int c = 0; c < 3; ++c) rgb.at(x, y)[c] = static_cast<uint8_t>(x < 20 ? 20 + i : 200);
                *mask.at(x, y) = x < 20 ? 255 : 0;
            }
        for (const auto& [name, bytes] : {std::pair{folder / "images" / ("p" + std::to_string(i) + ".png"), encode_png(rgb)},
                                          std::pair{folder / "masks" / ("p" + std::to_string(i) + ".png"), encode_png(mask)}})
            std::ofstream(name, std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
}

bool equal(const Batch& a, const Batch& b) {
    return a.rgb == b.rgb && a.mask == b.mask && a.labels == b.labels && a.names == b.names && a.h == b.h;
}

}  // namespace

TEST_CASE("loader: batches depend on (seed, step) alone, whatever the workers, and go on anywhere") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 7);
    const DataSet set = open_data(folder.path().string());
    LoaderOptions options{.size = 32,
                          .multi_scale = {32, 48},
                          .batch = 3,
                          .seed = 5,
                          .augment = {.rotate = 10, .crop = 0.3, .brightness = 0.2},
                          .superpixels = 20};
    std::vector<Batch> wanted;
    {
        Loader loader(set, {}, options);
        for (int i = 0; i < 8; ++i) wanted.push_back(loader.next());
    }
    options.workers = 3;
    options.cache_bytes = 0;
    Loader resumed(set, {}, options, 4);
    for (size_t i = 4; i < 8; ++i) CHECK(equal(resumed.next(), wanted[i]));
    options.seed = 6;
    Loader other(set, {}, options);
    CHECK(!equal(other.next(), wanted[0]));
    CHECK(std::any_of(wanted.begin(), wanted.end(), [](const Batch& b) { return b.h == 48; }));
    CHECK(std::any_of(wanted.begin(), wanted.end(), [](const Batch& b) { return b.h == 32; }));
}

TEST_CASE("loader: pictures that are changed later become the same batch, at every scale") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 5);
    const DataSet set = open_data(folder.path().string());
    for (const int superpixels : {0, 20}) {
        LoaderOptions options{.size = 32,
                              .multi_scale = {32, 48},
                              .batch = 3,
                              .augment = {.rotate = 20, .crop = 0.3, .brightness = 0.2, .saturation = 0.5},
                              .superpixels = superpixels};
        Loader made(set, {}, options);
        options.carry_out = false;
        Loader later(set, {}, options);
        bool smaller = false;
        for (int i = 0; i < 6; ++i) {
            const Batch wanted = made.next();
            Batch batch = later.next();
            CHECK(batch.source.side == 48);
            CHECK((batch.rgb.empty() && batch.mask.empty() && batch.labels.empty()));
            CHECK(batch.source.labels.empty() == (superpixels == 0));
            Batch first = batch.first(2);
            carry_out_changes(batch);
            CHECK(batch.source.side == 0);
            CHECK(equal(batch, wanted));
            carry_out_changes(first);
            CHECK(first.n == 2);
            CHECK(equal(first, wanted.first(2)));
            smaller = smaller || batch.h == 32;
        }
        CHECK(smaller);
    }
}

TEST_CASE("loader: masks and labels of a scale are those of the whole size, and pictures are resized from it") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 2);
    const DataSet set = open_data(folder.path().string());
    LoaderOptions options{.size = 48, .batch = 2, .augment = {.rotate = 20, .crop = 0.3, .contrast = 0.5}, .superpixels = 20};
    const Batch whole = Loader(set, {}, options).next();
    options.carry_out = false;
    Batch batch = Loader(set, {}, options).next();
    batch.h = 31, batch.w = 20;
    carry_out_changes(batch);
    for (int n = 0; n < 2; ++n) {
        std::vector<uint8_t> rgb(31 * 20 * 3);
        resize_bilinear(whole.rgb.data() + n * 48 * 48 * 3, 48, 48, 3, rgb.data(), 31, 20);
        CHECK(std::equal(rgb.begin(), rgb.end(), batch.rgb.begin() + n * 31 * 20 * 3));
        std::vector<int32_t> labels(31 * 20);
        resize_nearest(whole.labels.data() + n * 48 * 48, 48, 48, 1, labels.data(), 31, 20);
        CHECK(std::equal(labels.begin(), labels.end(), batch.labels.begin() + n * 31 * 20));
        for (int y = 0; y < 31; ++y)
            for (int x = 0; x < 20; ++x)
                REQUIRE(batch.mask[static_cast<size_t>((n * 31 + y) * 20 + x)] ==
                        whole.mask[static_cast<size_t>((n * 48 + (2 * y + 1) * 48 / 62) * 48 + (2 * x + 1) * 48 / 40)]);
    }
}

TEST_CASE("loader: an epoch has every picture once") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 6);
    const DataSet set = open_data(folder.path().string());
    Loader loader(set, {}, {.size = 32, .batch = 2, .superpixels = 0});
    for (int epoch = 0; epoch < 2; ++epoch) {
        std::map<std::string, int> seen;
        for (int i = 0; i < 3; ++i)
            for (const std::string& name : loader.next().names) ++seen[name];
        CHECK(seen.size() == 6);
    }
}

TEST_CASE("loader: mask and labels follow the picture") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 3);
    const DataSet set = open_data(folder.path().string());
    Loader loader(set, {}, {.size = 64, .batch = 3, .augment = {.crop = 0.2}, .superpixels = 16});
    for (int i = 0; i < 4; ++i) {
        const Batch batch = loader.next();
        REQUIRE(batch.mask.size() == size_t{3} * 64 * 64);
        REQUIRE(batch.labels.size() == batch.mask.size());
        int wrong = 0;
        for (size_t k = 0; k < batch.mask.size(); ++k) wrong += (batch.rgb[3 * k] < 110) != (batch.mask[k] > 0.5f);
        CHECK(wrong < 3 * 64 * 2);  // the blurred edge alone
    }
}

TEST_CASE("loader: an unreadable picture is named where the batch is taken") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 2);
    std::ofstream(folder.path() / "images/p1.png", std::ios::binary) << "no picture";
    const DataSet set = open_data(folder.path().string());
    Loader loader(set, {}, {.size = 32, .batch = 2, .superpixels = 0});
    CHECK_THROWS_WITH_AS(loader.next(), doctest::Contains("p1.png"), Error);
}

TEST_CASE("loader: labels that the structural loss cannot take are refused with picture and label") {
    test::TemporaryFolder folder;
    make_set(folder.path(), 1);
    fs::create_directories(folder.path() / "superpixels");
    const auto put_labels = [&](int32_t highest) {
        std::vector<int32_t> labels(30 * 40);
        for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 5);
        labels[7] = highest;  // one pixel, which a resized map may lose
        write_npy(folder.path() / "superpixels/p0.npy", make_array<int32_t>({30, 40}, labels));
    };
    const LoaderOptions options{.size = 32, .batch = 1, .superpixels = 16};
    put_labels(4095);
    CHECK_NOTHROW(Loader(open_data(folder.path().string()), {}, options).next());
    for (const int beyond : {4096, 65535, 70000}) {
        put_labels(beyond);
        const DataSet set = open_data(folder.path().string());
        Loader loader(set, {}, options);
        CHECK_THROWS_WITH_AS(loader.next(), doctest::Contains(concat("p0: region label ", beyond, " is beyond 4095").c_str()), Error);
        CHECK_NOTHROW(Loader(set, {}, {.size = 32, .batch = 1, .superpixels = 0}).next());  // nobody asks for them
    }
}

}  // namespace purnet
