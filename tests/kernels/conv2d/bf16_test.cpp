// bf16: rounding equals the type's own, weights are rounded when packed, a missing CPU is said.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/round_bf16/round_bf16.h"
#include "kernels/runtime/memory.h"
#include "tests/support/bf16.h"

namespace purnet::test {
namespace {

uint32_t next(uint32_t& state) { return state = state * 1664525u + 1013904223u; }

std::vector<bf16> rounded(const std::vector<float>& x) {
    std::vector<bf16> y(x.size() + 1, bf16(77.0f));
    round_bf16::table().get(&round_bf16::Kernels::forward, "forward", {DeviceType::cpu, DType::bf16})({static_cast<int64_t>(x.size())},
                                                                                                      x.data(), y.data(), Context{});
    CHECK(y.back().bits == bf16(77.0f).bits);
    y.pop_back();
    return y;
}

}  // namespace

TEST_CASE("bf16: rounding gives the bits of the type's own, under every instruction set") {
    const Isa before = isa();
    std::vector<float> x;
    for (const uint32_t bits : {0u, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7f800001u, 0x7fc00000u, 0xffffffffu, 0x7f7fffffu, 0x7f7f7fffu,
                                0x7f7f8000u, 0x3f808000u, 0x3f818000u, 0x3f808001u, 0x3f807fffu, 1u, 0x8000u, 0x8001u, 0x18000u})
        x.push_back(std::bit_cast<float>(bits));
    uint32_t state = 5;
    for (int i = 0; i < 5000; ++i) x.push_back(std::bit_cast<float>(next(state)));
    for (const Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if ((set == Isa::avx2 && !cpu_features().avx2) || (set == Isa::avx512 && !cpu_features().avx512)) continue;
        force_isa(set);
        const std::vector<bf16> y = rounded(x);
        for (size_t i = 0; i < x.size(); ++i) {
            INFO(name_of(set), " ", i, " ", x[i]);
            CHECK(y[i].bits == bf16(x[i]).bits);
        }
    }
    force_isa(before);
}

TEST_CASE("bf16: without instructions for it the answer says so, and other wishes than emulate are refused") {
    {
        const Bf16Wish wish("always");
        CHECK_THROWS_WITH(conv2d::why_no_bf16(), doctest::Contains("PURNET_BF16=always"));
    }
    const Isa before = isa();
    force_isa(Isa::baseline);
    {
        const Bf16Wish wish("emulate");
        CHECK(conv2d::why_no_bf16() == "bf16 needs AVX-512, baseline is in use");
        const float weight = 1;
        CHECK_THROWS_WITH(conv2d::pack_bf16({}, conv2d::Pass::forward, {}, DType::f32, &weight, nullptr),
                          doctest::Contains("needs AVX-512"));
    }
    force_isa(before);
    if (cpu_features().avx512_bf16 || cpu_features().amx) return;
    const Bf16Wish none("");
    CHECK(conv2d::why_no_bf16() != "");
}

TEST_CASE("bf16: weights are rounded to the nearest when packed, grouped convolutions are refused") {
    if (!can_emulate_bf16()) {
        MESSAGE("skipped: not even emulated bf16 without AVX-512");
        return;
    }
    const Bf16Wish emulate("emulate");
    REQUIRE(conv2d::why_no_bf16() == "");
    const conv2d::Problem p{.n = 1, .h = 6, .w = 5, .c = 24, .o = 20, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
    REQUIRE(conv2d::can_bf16(p, conv2d::Pass::forward));
    uint32_t state = 9;
    const auto numbers = [&](int64_t count) {
        std::vector<float> values(static_cast<size_t>(count));
        for (float& v : values) v = static_cast<float>(next(state) >> 8) * 0x1p-23f - 1;
        return values;
    };
    const std::vector<float> weight = numbers(p.weight_count());
    std::vector<float> nearest, other;  // other: every weight one bf16 further from 0
    for (const bf16 w : rounded(weight)) {
        nearest.push_back(static_cast<float>(w));
        other.push_back(nearest.back() * (1 + 0x1p-7f));
    }
    REQUIRE(nearest != weight);
    const std::vector<bf16> x = rounded(numbers(p.x_count()));
    const auto result = [&](const std::vector<float>& w) {
        const auto conv = conv2d::pack_bf16(p, conv2d::Pass::forward, {}, DType::f32, w.data(), nullptr);
        const Block workspace(Device{}, conv->workspace() + 1);
        std::vector<float> y(static_cast<size_t>(p.y_count()), NAN);
        conv->run(x.data(), nullptr, nullptr, y.data(), workspace.data(), {});
        return y;
    };
    CHECK(result(weight) == result(nearest));
    CHECK(result(weight) != result(other));

    conv2d::Problem grouped = p;
    grouped.groups = 2;
    CHECK_FALSE(conv2d::can_bf16(grouped, conv2d::Pass::forward));
    CHECK_FALSE(conv2d::can_bf16(p, conv2d::Pass::backward_weights));
    CHECK_THROWS_AS(conv2d::pack_bf16(grouped, conv2d::Pass::forward, {}, DType::f32, weight.data(), nullptr), Error);
}

}  // namespace purnet::test
