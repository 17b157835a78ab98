#include "core/random/philox.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace purnet {

TEST_CASE("philox: the three published known answers of Philox 4x32-10") {
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
    CHECK(philox4x32({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, {0xffffffffu, 0xffffffffu}) ==
          PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
    CHECK(philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}) ==
          PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
}

TEST_CASE("philox: seed, stream, step, index and draw all matter") {
    const RandomStream a(1, "flip"), b(1, "rotate"), c(2, "flip");
    std::set<PhiloxBlock> seen{a.block(0, 0),    a.block(0, 1), a.block(1, 0), a.block(uint64_t{1} << 40, 0), a.block(0, uint64_t{1} << 40),
                               a.block(0, 0, 1), b.block(0, 0), c.block(0, 0)};
    CHECK(seen.size() == 8);
    CHECK(RandomStream(1, "flip").block(7, 9) == a.block(7, 9));
    CHECK(RandomStream(uint64_t{1} << 32, "flip").block(0, 0) != a.block(0, 0));
}

TEST_CASE("philox: uniform, bounded and normal have the right ranges and moments") {
    const RandomStream stream(42, "moments");
    const int count = 200000;
    double sum = 0, square = 0, nsum = 0, nsquare = 0, nfourth = 0;
    std::vector<int> histogram(7);
    RandomDraws draws(stream, 3, 4);
    for (int i = 0; i < count; ++i) {
        const double u = stream.uniform(5, static_cast<uint64_t>(i));
        REQUIRE(u >= 0);
        REQUIRE(u < 1);
        sum += u, square += u * u;
        const double n = stream.normal(5, static_cast<uint64_t>(i));
        nsum += n, nsquare += n * n, nfourth += n * n * n * n;
        if (i < 70000) ++histogram[static_cast<size_t>(draws.below(7))];
    }
    CHECK(sum / count == doctest::Approx(0.5).epsilon(0.005));
    CHECK(square / count == doctest::Approx(1.0 / 3).epsilon(0.01));
    CHECK(std::abs(nsum / count) < 0.01);
    CHECK(nsquare / count == doctest::Approx(1).epsilon(0.02));
    CHECK(nfourth / count == doctest::Approx(3).epsilon(0.04));
    for (const int hits : histogram) CHECK(std::abs(hits - 10000) < 500);
    CHECK(bounded(~uint64_t{0}, 10) == 9);
    CHECK(bounded(0, 10) == 0);
    CHECK(unit_float(0xffffffffu) < 1.0f);
}

TEST_CASE("philox: a permutation holds every index once and differs between steps") {
    const RandomStream stream(1, "order");
    for (const int64_t count : {0, 1, 2, 100}) {
        std::vector<int64_t> order = stream.permutation(0, count);
        std::sort(order.begin(), order.end());
        std::vector<int64_t> wanted(static_cast<size_t>(count));
        std::iota(wanted.begin(), wanted.end(), 0);
        CHECK(order == wanted);
    }
    CHECK(stream.permutation(0, 100) != stream.permutation(1, 100));
    // every one of the six orders of three things comes up about equally often
    std::vector<int> seen(27);
    for (uint64_t step = 0; step < 6000; ++step) {
        const std::vector<int64_t> order = stream.permutation(step, 3);
        ++seen[static_cast<size_t>(order[0] * 9 + order[1] * 3 + order[2])];
    }
    int kinds = 0;
    for (const int hits : seen)
        if (hits) {
            ++kinds;
            CHECK(std::abs(hits - 1000) < 150);
        }
    CHECK(kinds == 6);
}

TEST_CASE("philox: draws of one sample end with an error, never repeat") {
    RandomDraws draws(RandomStream(1, "limit"), 0, 0);
    for (int i = 0; i < (1 << 18); ++i) draws.word();
    CHECK_THROWS_AS(draws.word(), Error);
}

}  // namespace purnet
