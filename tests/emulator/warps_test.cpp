#include "tests/emulator/kernels/warps.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using seeded::Mask;

// What PTX documents for shfl.sync, written anew from its pseudocode (clamp values of the C++ functions).
int shuffled_lane(char kind, int lane, int operand, int width) {
    const int segment_mask = 32 - width;
    const int clamp = kind == 'u' ? 0 : 31;
    const int b = operand & 31;
    const int max_lane = (lane & segment_mask) | (clamp & ~segment_mask & 31);
    const int min_lane = lane & segment_mask;
    int j = 0;
    bool valid = false;
    switch (kind) {
        case 'u': j = lane - b, valid = j >= max_lane; break;
        case 'd': j = lane + b, valid = j <= max_lane; break;
        case 'x': j = lane ^ b, valid = j <= max_lane; break;
        default: j = min_lane | (b & ~segment_mask & 31), valid = j <= max_lane; break;
    }
    return valid ? j : lane;
}

}  // namespace

TEST_CASE("emulator: every shuffle form, operand and width") {
    const DeviceArray<int> out(128);
    for (int width : {2, 4, 8, 16, 32})
        for (int operand = 0; operand < 32; ++operand) {
            seeded::shuffles(out.get(), operand, width);
            for (int form = 0; form < 4; ++form)
                for (int lane = 0; lane < 32; ++lane)
                    REQUIRE(out[static_cast<size_t>(form * 32 + lane)] == 100 + shuffled_lane("iudx"[form], lane, operand, width));
        }
    CHECK(caught([&] { seeded::shuffles(out.get(), 1, 12); }).kind == FaultKind::wrong_mask);
    seeded::shuffle_types(out.get());
    for (size_t lane = 0; lane < 32; ++lane) CHECK(out[lane] == 0);
}

TEST_CASE("emulator: votes, matches and reductions of a warp") {
    std::vector<int> values(32);
    for (size_t i = 0; i < 32; ++i) values[i] = static_cast<int>(i % 5) + (i == 7 ? -9 : 0);
    const DeviceArray<int> x(values);
    const DeviceArray<unsigned> out(256);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::votes(x.get(), out.get());
        unsigned ballot = 0, xored = 0, largest = 0;
        for (size_t i = 0; i < 32; ++i) {
            if (values[i] > 0) ballot |= 1u << i;
            xored ^= static_cast<unsigned>(values[i]);
            largest = std::max(largest, static_cast<unsigned>(values[i]));
        }
        for (size_t lane = 0; lane < 32; ++lane) {
            unsigned same = 0;
            for (size_t i = 0; i < 32; ++i)
                if (values[i] == values[lane]) same |= 1u << i;
            const unsigned wanted[] = {
                ballot,  0,    0, same, static_cast<unsigned>(std::accumulate(values.begin(), values.end(), 0)), static_cast<unsigned>(-7),
                largest, xored};
            for (size_t k = 0; k < 8; ++k) REQUIRE(out[8 * lane + k] == wanted[k]);
        }
    });
}

TEST_CASE("emulator: halves of a warp go their own ways under their own masks") {
    std::vector<int> values(64);
    for (size_t i = 0; i < 64; ++i) values[i] = static_cast<int>(i * i % 37);
    const DeviceArray<int> x(values), out(64);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::halves(x.get(), out.get());
        for (size_t w = 0; w < 2; ++w) {
            const auto begin = values.begin() + static_cast<ptrdiff_t>(32 * w);
            const int wanted = *std::max_element(begin, begin + 16) + std::accumulate(begin + 16, begin + 32, 0);
            for (size_t i = 0; i < 32; ++i) REQUIRE(out[32 * w + i] == wanted);
        }
    });
}

TEST_CASE("emulator: wrong masks are reported") {
    const DeviceArray<int> out(32);
    CHECK(!caught([&] { seeded::wrong_masks(out.get(), Mask::right); }).any);
    for_each_schedule([&](const emulator::Schedule&) {
        for (const Mask mask : {Mask::without_caller, Mask::different, Mask::reads_outside, Mask::other_site}) {
            const Caught fault = caught([&] { seeded::wrong_masks(out.get(), mask); });
            REQUIRE(fault.any);
            CHECK_MESSAGE(fault.kind == FaultKind::wrong_mask, fault.text);
            CHECK_MESSAGE(fault.text.find("wrong_masks_kernel") != std::string::npos, fault.text);
        }
        // 31 lanes wait for one that waits at a barrier for them.
        const Caught fault = caught([&] { seeded::wrong_masks(out.get(), Mask::of_absent_lane); });
        REQUIRE(fault.any);
        CHECK_MESSAGE(fault.kind == FaultKind::divergent_barrier, fault.text);
        CHECK_MESSAGE(fault.text.find("arrived 7fffffff") != std::string::npos, fault.text);
    });
}

TEST_CASE("emulator: block sums and the last-block finish are the same under every schedule") {
    std::vector<float> values(3000);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) - 5.3f;
    const DeviceArray<float> x(values), out(3), partial(47), total(1);
    const DeviceArray<unsigned> counter(std::vector<unsigned>{0});
    float first = 0;
    std::vector<float> sums;
    for_each_schedule([&](const emulator::Schedule& s) {
        seeded::block_sums(x.get(), out.get(), 3000);
        seeded::last_block_sum(x.get(), partial.get(), total.get(), counter.get(), 3000, seeded::Fence::present);
        if (s.order == emulator::Schedule::forward && s.resident == 1) {
            first = total[0];
            sums = {out[0], out[1], out[2]};
        }
        CHECK(total[0] == first);
        CHECK(counter[0] == 0);
        for (size_t i = 0; i < 3; ++i) CHECK(out[i] == sums[i]);
    });
    CHECK(first == doctest::Approx(std::accumulate(values.begin(), values.end(), 0.0)));
}

TEST_CASE("emulator: atomics") {
    std::vector<unsigned char> bytes(5000);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * i);
    const DeviceArray<unsigned char> x(bytes);
    for_each_schedule([&](const emulator::Schedule&) {
        const DeviceArray<int> bins(std::vector<int>(256, 0));
        seeded::histogram(x.get(), bins.get(), 5000);
        for (size_t v = 0; v < 256; ++v) REQUIRE(bins[v] == std::count(bytes.begin(), bytes.end(), static_cast<unsigned char>(v)));
        const DeviceArray<int> ints(std::vector<int>(4, 0));
        const DeviceArray<unsigned> words(std::vector<unsigned>{~0u, 0, 0, 0, 0, 0});
        const DeviceArray<unsigned long long> longs(std::vector<unsigned long long>(2, 0));
        const DeviceArray<float> floats(std::vector<float>(1, 0));
        const DeviceArray<double> doubles(std::vector<double>(1, 0));
        seeded::atomics(ints.get(), words.get(), longs.get(), floats.get(), doubles.get(), 96);
        CHECK(ints[0] == 95 * 48);
        CHECK(ints[1] == -95 * 48);
        CHECK(ints[2] == -95);
        CHECK(ints[3] == 95);
        CHECK(words[0] == 0);
        CHECK(words[1] == ~0u);
        CHECK(words[2] == ~0u);
        CHECK(words[3] == 96 % 10);
        CHECK(words[4] == (10 - 96 % 10) % 10);
        CHECK(words[5] == 96 * 3);
        CHECK(longs[0] == 96ull << 32);
        CHECK(longs[1] == 95ull << 33);
        CHECK(floats[0] == 48);
        CHECK(doubles[0] == 24);
    });
}

}  // namespace purnet::test
