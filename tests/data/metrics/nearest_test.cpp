#include "data/metrics/nearest.h"

#include <doctest/doctest.h>

#include "core/random/philox.h"
#include "kernels/runtime/error.h"

namespace purnet::metrics {
namespace {

// Every member in the order of columns, then rows: the first of the nearest wins.
void check_against_search(const std::vector<uint8_t>& member, int64_t width, int64_t height) {
    NearestTransform transform;
    transform.run(member.data(), width, height);
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
            int64_t best = -1;
            NearestMember nearest;
            for (int64_t u = 0; u < width; ++u)
                for (int64_t v = 0; v < height; ++v) {
                    const int64_t distance = (x - u) * (x - u) + (y - v) * (y - v);
                    if (!member[static_cast<size_t>(v * width + u)] || (best >= 0 && distance >= best)) continue;
                    best = distance;
                    nearest = {static_cast<int32_t>(u), static_cast<int32_t>(v)};
                }
            CAPTURE(x);
            CAPTURE(y);
            REQUIRE(transform.squared_distance(y * width + x) == best);
            REQUIRE(transform.nearest(y * width + x).x == nearest.x);
            REQUIRE(transform.nearest(y * width + x).y == nearest.y);
        }
}

}  // namespace

TEST_CASE("metrics nearest: distance and choice among ties equal an exhaustive search") {
    const RandomStream stream(7, "nearest");
    uint64_t grid = 0;
    for (const auto& [width, height] : std::initializer_list<std::pair<int64_t, int64_t>>{
             {1, 1}, {1, 9}, {9, 1}, {2, 2}, {5, 7}, {16, 16}, {17, 13}, {31, 8}, {8, 31}, {23, 23}})
        for (const float density : {0.002f, 0.02f, 0.1f, 0.5f, 0.95f}) {
            std::vector<uint8_t> member(static_cast<size_t>(width * height));
            for (size_t i = 0; i < member.size(); ++i) member[i] = stream.uniform(grid, i) < density;
            member[static_cast<size_t>(stream.word(grid, member.size()) % member.size())] = 255;
            ++grid;
            const int64_t w = width, h = height;
            INFO("size " << w << " x " << h);
            check_against_search(member, width, height);
        }
}

TEST_CASE("metrics nearest: regular grids, where almost every pixel has several nearest ones") {
    for (int64_t step = 2; step <= 6; ++step) {
        const int64_t width = 25, height = 19;
        std::vector<uint8_t> member(static_cast<size_t>(width * height));
        for (int64_t y = step / 2; y < height; y += step)
            for (int64_t x = step - 1; x < width; x += step) member[static_cast<size_t>(y * width + x)] = 1;
        check_against_search(member, width, height);
    }
}

TEST_CASE("metrics nearest: a set without members is refused") {
    const std::vector<uint8_t> nothing(12);
    NearestTransform transform;
    CHECK_THROWS_AS(transform.run(nothing.data(), 4, 3), Error);
    CHECK_THROWS_AS(transform.run(nothing.data(), 0, 3), Error);
}

}  // namespace purnet::metrics
