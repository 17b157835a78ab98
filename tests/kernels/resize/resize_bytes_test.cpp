#include "kernels/resize/resize_bytes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "data/image/decode.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/pictures.h"

namespace purnet {
namespace {

Image bilinear(const Image& image, int out_h, int out_w) {
    Image result(out_w, out_h, image.channels, 0xcd);
    resize_bilinear(image.pixels.data(), image.height, image.width, image.channels, result.pixels.data(), out_h, out_w);
    return result;
}

template <class Check>
void on_every_isa(Check&& check) {
    const Isa before = isa();
    for (const Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if (set > before) break;
        force_isa(set);
        CAPTURE(name_of(set));
        check();
    }
    force_isa(before);
}

}  // namespace

TEST_CASE("resize: bytes equal Pillow's bilinear and nearest, bit for bit") {
    int seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator("tests/goldens/resize")) {
        const std::string name = entry.path().stem().string();
        int h = 0, w = 0, channels = 0, out_h = 0, out_w = 0;
        const bool smooth = std::sscanf(name.c_str(), "bilinear_%dx%dx%d_%dx%d", &h, &w, &channels, &out_h, &out_w) == 5;
        if (!smooth && std::sscanf(name.c_str(), "nearest_%dx%dx%d_%dx%d", &h, &w, &channels, &out_h, &out_w) != 5) continue;
        CAPTURE(name);
        ++seen;
        const Image image = test::pattern(w, h, channels);
        const Image wanted = channels == 3 ? read_rgb(entry.path()) : read_grey(entry.path());
        if (smooth) {
            on_every_isa([&] {
                Image got = bilinear(image, out_h, out_w);
                if (channels == 4) {
                    Image last(out_w, out_h, 1);
                    for (size_t i = 0; i < last.pixels.size(); ++i) last.pixels[i] = got.pixels[4 * i + 3];
                    got = last;
                }
                CHECK(test::largest_difference(got, wanted) == 0);
            });
        } else {
            Image got(out_w, out_h, channels);
            resize_nearest(image.pixels.data(), h, w, channels, got.pixels.data(), out_h, out_w);
            // Pillow adds up its step, so where a centre falls exactly between two pixels it may take the lower one.
            for (int y = 0; y < out_h; ++y)
                for (int x = 0; x < out_w; ++x)
                    if ((2 * y + 1) * h % (2 * out_h) != 0 && (2 * x + 1) * w % (2 * out_w) != 0)
                        REQUIRE(*got.at(x, y) == *wanted.at(x, y));
        }
    }
    CHECK(seen == 15);
}

TEST_CASE("resize: the same size is a copy, one colour stays one colour, threads change nothing") {
    const Image image = test::pattern(71, 43, 3);
    CHECK(bilinear(image, 43, 71) == image);
    for (const uint8_t value : {0, 1, 127, 254, 255})
        for (const int out : {1, 7, 100}) {
            const Image flat = bilinear(Image(29, 31, 3, value), out, out);
            CHECK(flat == Image(out, out, 3, value));
        }
    const Image big = test::pattern(1300, 900, 3);
    const int threads = thread_count();
    set_thread_count(1);
    const Image one = bilinear(big, 320, 321);
    set_thread_count(3);
    CHECK(bilinear(big, 320, 321) == one);
    set_thread_count(threads);
}

TEST_CASE("resize: nearest takes the pixel under the centre for every type") {
    for (const auto& [in, out] : {std::pair{5, 8}, {8, 5}, {1, 4}, {4, 1}, {320, 288}}) {
        std::vector<int32_t> labels(static_cast<size_t>(in)), got(static_cast<size_t>(out));
        std::vector<uint16_t> words(labels.size()), short_got(got.size());
        for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i * 100000), words[i] = static_cast<uint16_t>(i * 200);
        resize_nearest(labels.data(), 1, in, 1, got.data(), 1, out);
        resize_nearest(words.data(), in, 1, 1, short_got.data(), out, 1);
        for (int i = 0; i < out; ++i) {
            const int source = static_cast<int>(std::floor((i + 0.5) * in / out));
            CHECK(got[static_cast<size_t>(i)] == source * 100000);
            CHECK(short_got[static_cast<size_t>(i)] == source * 200);
        }
    }
}

TEST_CASE("resize: maps by half-pixel bilinear against the formula in float64") {
    for (const auto& [h, w, out_h, out_w] : {std::array{3, 4, 7, 9}, {7, 9, 3, 4}, {1, 1, 5, 3}, {5, 1, 1, 4}, {6, 6, 6, 6}}) {
        std::vector<float> map(static_cast<size_t>(h * w)),
            got(static_cast<size_t>(out_h * out_w), std::numeric_limits<float>::quiet_NaN());
        for (size_t i = 0; i < map.size(); ++i) map[i] = std::abs(std::sin(static_cast<float>(i) * 1.7f));
        std::vector<uint8_t> bytes(got.size());
        std::vector<uint16_t> words(got.size());
        resize_map(map.data(), h, w, got.data(), out_h, out_w);
        map_to_bytes(map.data(), h, w, bytes.data(), out_h, out_w);
        map_to_words(map.data(), h, w, words.data(), out_h, out_w);
        for (int y = 0; y < out_h; ++y)
            for (int x = 0; x < out_w; ++x) {
                const double py = std::max((y + 0.5) * h / out_h - 0.5, 0.0), px = std::max((x + 0.5) * w / out_w - 0.5, 0.0);
                const int y0 = static_cast<int>(py), x0 = static_cast<int>(px), y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
                const auto at = [&, w = w](int r, int c) { return static_cast<double>(map[static_cast<size_t>(r * w + c)]); };
                const double wanted = (at(y0, x0) * (1 - px + x0) + at(y0, x1) * (px - x0)) * (1 - py + y0) +
                                      (at(y1, x0) * (1 - px + x0) + at(y1, x1) * (px - x0)) * (py - y0);
                const size_t i = static_cast<size_t>(y * out_w + x);
                CHECK(std::abs(got[i] - wanted) < 1e-6);
                CHECK(std::abs(bytes[i] - wanted * 255) <= 0.501);
                CHECK(std::abs(words[i] - wanted * 65535) <= 0.51);
            }
    }
    const float odd[4] = {-3.0f, 2.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
    uint8_t bytes[4];
    uint16_t words[4];
    for (int i = 0; i < 4; ++i) {
        map_to_bytes(odd + i, 1, 1, bytes + i, 1, 1);
        map_to_words(odd + i, 1, 1, words + i, 1, 1);
    }
    CHECK(bytes[0] == 0);
    CHECK(bytes[1] == 255);
    CHECK(bytes[2] == 0);
    CHECK(words[0] == 0);
    CHECK(words[1] == 65535);
    CHECK(words[2] == 0);
}

TEST_CASE("resize: an empty shape is refused") {
    uint8_t byte = 0;
    CHECK_THROWS_AS(resize_bilinear(&byte, 0, 1, 1, &byte, 1, 1), Error);
    CHECK_THROWS_AS(resize_bilinear(&byte, 1, 1, 1, &byte, 1, 0), Error);
    CHECK_THROWS_AS(resize_nearest(&byte, 1, 1, 0, &byte, 1, 1), Error);
}

}  // namespace purnet
