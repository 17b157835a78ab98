#include "data/superpixels/slic.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/random/philox.h"
#include "data/image/decode.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"
#include "tests/support/pictures.h"

namespace purnet {
namespace {

constexpr int sides[4][2] = {{-1, 0}, {0, -1}, {1, 0}, {0, 1}};  // left, above, right, below

// 4-connected components by flooding, numbered by their first pixels: an independent second opinion on connect().
std::vector<int> components(const std::vector<int32_t>& labels, int w, int h, std::vector<int>& sizes) {
    std::vector<int> component(labels.size(), -1);
    sizes.clear();
    for (int start = 0; start < w * h; ++start) {
        if (component[static_cast<size_t>(start)] >= 0) continue;
        const int number = static_cast<int>(sizes.size());
        std::vector<int> open{start};
        component[static_cast<size_t>(start)] = number;
        int size = 0;
        while (!open.empty()) {
            const int at = open.back();
            open.pop_back();
            ++size;
            for (const auto& [dx, dy] : sides) {
                const int x = at % w + dx, y = at / w + dy, next = y * w + x;
                if (x < 0 || y < 0 || x >= w || y >= h || component[static_cast<size_t>(next)] >= 0) continue;
                if (labels[static_cast<size_t>(next)] != labels[static_cast<size_t>(at)]) continue;
                component[static_cast<size_t>(next)] = number;
                open.push_back(next);
            }
        }
        sizes.push_back(size);
    }
    return component;
}

void check_regions(const Superpixels& result) {
    std::vector<int> sizes;
    components(result.labels.pixels, result.labels.width, result.labels.height, sizes);
    CHECK(static_cast<int>(sizes.size()) == result.count);  // as many components as regions: each is connected
    const std::set<int32_t> values(result.labels.pixels.begin(), result.labels.pixels.end());
    CHECK(static_cast<int>(values.size()) == result.count);
    CHECK(*values.begin() == 0);
    CHECK(*values.rbegin() == result.count - 1);
}

Image at_size(const Image& image, int size) {
    Image result(size, size, image.channels);
    resize_bilinear(image.pixels.data(), image.height, image.width, image.channels, result.pixels.data(), size, size);
    return result;
}

}  // namespace

TEST_CASE("slic: regions of photographs are connected, about as many as asked, the same on every instruction set") {
    for (const char* name : {"chelsea", "astronaut", "camera"}) {
        CAPTURE(name);
        const Image image = at_size(read_rgb(std::string("docs/photos/") + name + ".jpg"), 320);
        const Superpixels result = slic(image);
        check_regions(result);
        CHECK(result.count > 200);
        CHECK(result.count < 320);
        const Isa before = isa();
        for (const Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
            if (set > before) break;
            force_isa(set);
            CHECK(slic(image).labels == result.labels);
        }
        force_isa(before);
    }
}

TEST_CASE("slic: the labels of a drawn picture stay the same from version to version") {
    // Caches of superpixels rely on it: who changes the labels changes slic_version.
    const Superpixels result = slic(test::pattern(97, 61, 3), {40, 20, 10});
    uint64_t hash = 0xcbf29ce484222325u;
    for (const int32_t label : result.labels.pixels) hash = (hash ^ static_cast<uint64_t>(label)) * 0x100000001b3u;
    CHECK(hash == 7692961433552436291u);
    check_regions(result);
}

TEST_CASE("slic: regions keep to the border of a disc") {
    const int size = 160;
    Image image(size, size, 3);
    std::vector<bool> inside(static_cast<size_t>(size * size));
    const RandomStream noise(1, "noise");
    for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x) {
            const size_t i = static_cast<size_t>(y * size + x);
            inside[i] = (x - 75) * (x - 75) + (y - 83) * (y - 83) < 52 * 52;
            for (int c = 0; c < 3; ++c)
                image.at(x, y)[c] = static_cast<uint8_t>((inside[i] ? 90 + 40 * c : 140 - 10 * c) +
                                                         static_cast<int>(noise.word(0, 3 * i + static_cast<size_t>(c)) % 17));
        }
    const Superpixels result = slic(image, {100, 10, 10});
    check_regions(result);
    std::vector<int> in(static_cast<size_t>(result.count)), out(in);
    for (size_t i = 0; i < inside.size(); ++i) ++(inside[i] ? in : out)[static_cast<size_t>(result.labels.pixels[i])];
    int wrong = 0;
    for (size_t r = 0; r < in.size(); ++r) wrong += std::min(in[r], out[r]);
    CHECK(wrong < size * size / 500);
}

TEST_CASE("slic: one colour gives the grid of squares") {
    const Superpixels result = slic(Image(80, 60, 3, 130), {48, 10, 10});
    CHECK(result.count == 48);
    for (int y = 0; y < 60; ++y)
        for (int x = 0; x < 80; ++x) {
            // between two centres the border may lie one pixel off, never more
            if (x % 10 == 0 || x % 10 == 9 || y % 10 == 0 || y % 10 == 9) continue;
            REQUIRE(*result.labels.at(x, y) == *result.labels.at(x / 10 * 10 + 5, y / 10 * 10 + 5));
        }
}

TEST_CASE("slic: tiny and thin pictures, one region, more regions than pixels") {
    for (const auto& size : {std::pair{1, 1}, {1, 50}, {50, 1}, {3, 2}, {17, 33}, {16, 16}, {2, 700}})
        for (const int regions : {1, 7, 256}) {
            const int w = size.first, h = size.second;
            CAPTURE(w);
            CAPTURE(h);
            CAPTURE(regions);
            const Superpixels result = slic(test::pattern(w, h, 3), {regions, 10, 10});
            REQUIRE(result.labels.width == w);
            check_regions(result);
            if (regions == 1) CHECK(result.count == 1);
        }
}

TEST_CASE("slic: Lab of known colours") {
    // black, white, grey 119, red, green, blue: L, a, b from the definition
    const double wanted[6][3] = {
        {0, 0, 0}, {100, 0, 0}, {50.03, 0, 0}, {53.24, 80.09, 67.20}, {87.73, -86.18, 83.18}, {32.30, 79.19, -107.86}};
    Image image(6, 1, 3);
    const uint8_t rgb[6][3] = {{0, 0, 0}, {255, 255, 255}, {119, 119, 119}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
    for (int x = 0; x < 6; ++x) std::copy_n(rgb[x], 3, image.at(x, 0));
    std::vector<int16_t> lab(7 * 6);
    const slic_detail::Planes planes{6, 1, 6, lab.data(), lab.data() + 6, lab.data() + 12, lab.data() + 18, nullptr, nullptr};
    slic_detail::to_lab(image, planes);
    for (int x = 0; x < 6; ++x) {
        CHECK(std::abs(planes.l[x] / 64.0 - wanted[x][0]) < 0.1);
        CHECK(std::abs(planes.a[x] / 64.0 - wanted[x][1]) < 0.25);
        CHECK(std::abs(planes.b[x] / 64.0 - wanted[x][2]) < 0.25);
        CHECK(planes.quads[4 * x] == planes.l[x]);
        CHECK(planes.quads[4 * x + 3] == 1);
    }
    for (int x = 0; x < 3; ++x) CHECK((planes.a[x] == 0 && planes.b[x] == 0));
}

TEST_CASE("slic: connect follows its rule on random maps") {
    const RandomStream random(7, "connect");
    for (uint64_t trial = 0; trial < 300; ++trial) {
        RandomDraws draws(random, trial, 0);
        const int w = static_cast<int>(draws.integer(1, 14)), h = static_cast<int>(draws.integer(1, 14)), stride = w + 3;
        const int64_t kinds = draws.integer(1, 4), smallest = draws.integer(0, 6);
        std::vector<int32_t> plain(static_cast<size_t>(w * h));
        for (int32_t& label : plain) label = static_cast<int32_t>(draws.below(kinds)) - 1;
        std::vector<int32_t> labels(static_cast<size_t>(stride * h), 77);
        for (int y = 0; y < h; ++y) std::copy_n(plain.begin() + y * w, w, labels.begin() + y * stride);
        const int count = slic_detail::connect(labels.data(), w, h, stride, smallest);

        std::vector<int> sizes;
        const std::vector<int> component = components(plain, w, h, sizes);
        std::vector<int> number(sizes.size(), -1);
        int wanted_count = 0;
        for (int i = 0; i < w * h; ++i) {
            int& own = number[static_cast<size_t>(component[static_cast<size_t>(i)])];
            if (own >= 0) continue;
            int beside = -1;
            for (const auto& [dx, dy] : sides) {
                const int x = i % w + dx, y = i / w + dy;
                if (x < 0 || y < 0 || x >= w || y >= h) continue;
                const int other = number[static_cast<size_t>(component[static_cast<size_t>(y * w + x)])];
                if (other >= 0) beside = other;
            }
            own = sizes[static_cast<size_t>(component[static_cast<size_t>(i)])] <= smallest && beside >= 0 ? beside : wanted_count++;
        }
        REQUIRE(count == wanted_count);
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x)
                REQUIRE(labels[static_cast<size_t>(y * stride + x)] ==
                        number[static_cast<size_t>(component[static_cast<size_t>(y * w + x)])]);
    }
}

TEST_CASE("slic: wrong input is refused") {
    CHECK_THROWS_AS(slic(Image(4, 4, 1)), Error);
    CHECK_THROWS_AS(slic(Image()), Error);
    CHECK_THROWS_AS(slic(Image(4, 4, 3), {0, 10, 10}), Error);
    CHECK_THROWS_AS(slic(Image(4, 4, 3), {4, 0, 10}), Error);
    CHECK_THROWS_AS(slic(Image(4, 4, 3), {4, std::nan(""), 10}), Error);
    CHECK_THROWS_AS(slic(Image(4, 4, 3), {4, 10, 0}), Error);
    CHECK_THROWS_AS(slic(Image(40000, 1, 3)), Error);
}

}  // namespace purnet
