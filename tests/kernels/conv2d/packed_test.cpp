// Packed convolutions: the fused pass equals the convolution followed by its parts.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"

namespace purnet::test {
namespace {

constexpr Key cpu{DeviceType::cpu, DType::f32};

std::vector<float> numbers(int64_t count, int seed) {
    std::vector<float> v(static_cast<size_t>(count));
    uint64_t state = static_cast<uint64_t>(seed) * 0x9E3779B97F4A7C15u + 1;
    for (float& f : v) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        f = static_cast<float>(static_cast<double>(state >> 40) / (1 << 23) - 1.0);
    }
    return v;
}

// Runs a packed convolution into memory that holds NaN, between guards.
std::vector<float> run(const conv2d::PackedConv& conv, const std::vector<float>& x, const std::vector<float>* before,
                       const std::vector<float>* after, int64_t count) {
    const float guard = 1234.5f, nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> y(static_cast<size_t>(count) + 64, nan);
    std::fill(y.end() - 64, y.end(), guard);
    const Block workspace(Device{}, conv.workspace() + 64);
    std::fill_n(static_cast<char*>(workspace.data()), conv.workspace() + 64, static_cast<char>(0xFF));
    conv.run(x.data(), before ? before->data() : nullptr, after ? after->data() : nullptr, y.data(), workspace.data(), Context{});
    CHECK(std::all_of(y.end() - 64, y.end(), [&](float f) { return f == guard; }));
    y.resize(static_cast<size_t>(count));
    return y;
}

// Rounding belongs to the sums, which an activation may cut down afterwards: `sums` give the scale. The packed way may be another
// one (Winograd of 4 x 4) than the way that made them.
void check_close(const std::vector<float>& got, const std::vector<float>& wanted, const std::vector<float>& sums, const std::string& what) {
    REQUIRE(got.size() == wanted.size());
    double worst = 0, largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double error = std::fabs(static_cast<double>(got[i]) - wanted[i]);
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
        largest = std::max({largest, std::fabs(static_cast<double>(wanted[i])), std::fabs(static_cast<double>(sums[i]))});
    }
    CHECK_MESSAGE(worst <= 2e-5 * largest + 1e-6, what, ": off by ", worst, " of ", largest);
}

void check_epilogues(const std::string& what, const std::vector<float>& x, const std::vector<float>& sums, int64_t channels,
                     const std::vector<float>& bias, const auto& pack) {
    const auto count = static_cast<int64_t>(sums.size());
    const std::vector<float> before = numbers(count, 5), after = numbers(count, 6);
    for (const conv2d::Epilogue& epilogue :
         {conv2d::Epilogue{}, conv2d::Epilogue{.slope = 0}, conv2d::Epilogue{.slope = 0, .top = 6}, conv2d::Epilogue{.slope = 0.25f},
          conv2d::Epilogue{.slope = 0, .before = true}, conv2d::Epilogue{.slope = 0.25f, .after = true},
          conv2d::Epilogue{.before = true, .after = true}})
        for (bool biased : {false, true}) {
            std::vector<float> wanted = sums;
            for (int64_t i = 0; i < count; ++i) {
                float v = sums[i] + (biased ? bias[i % channels] : 0) + (epilogue.before ? before[i] : 0);
                v = std::min(v > 0 ? v : epilogue.slope * v, epilogue.top);
                wanted[i] = v + (epilogue.after ? after[i] : 0);
            }
            const auto conv = pack(epilogue, biased ? bias.data() : nullptr);
            check_close(run(*conv, x, epilogue.before ? &before : nullptr, epilogue.after ? &after : nullptr, count), wanted, sums,
                        concat(what, ", slope ", epilogue.slope, ", top ", epilogue.top, ", ", name_of(isa()), ", ", conv->method()));
        }
}

void check_convolution(const conv2d::Problem& p) {
    const std::vector<float> x = numbers(p.x_count(), 1), weight = numbers(p.weight_count(), 2), bias = numbers(p.o, 3);
    std::vector<float> sums(static_cast<size_t>(p.y_count()));
    const Block workspace(Device{}, conv2d::workspace(cpu, p, conv2d::Pass::forward));
    conv2d::table().find(cpu)->forward(p, x.data(), weight.data(), nullptr, sums.data(), workspace.data(), Context{});
    check_epilogues(concat("conv ", p.h, "x", p.w, " ", p.c, " to ", p.o, " k", p.kh), x, sums, p.o, bias,
                    [&](const conv2d::Epilogue& epilogue, const float* b) {
                        return conv2d::table().find(cpu)->pack(p, epilogue, weight.data(), b, Context{});
                    });
}

void check_transposed(const conv_transpose2d::Problem& p) {
    const std::vector<float> x = numbers(p.x_count(), 1), weight = numbers(p.weight_count(), 2), bias = numbers(p.o, 3);
    std::vector<float> sums(static_cast<size_t>(p.y_count()));
    const Block workspace(Device{}, conv_transpose2d::workspace(cpu, p, conv2d::Pass::forward));
    conv_transpose2d::table().find(cpu)->forward(p, x.data(), weight.data(), nullptr, sums.data(), workspace.data(), Context{});
    check_epilogues(concat("transposed conv ", p.h, "x", p.w, " ", p.c, " to ", p.o, " k", p.kh), x, sums, p.o, bias,
                    [&](const conv2d::Epilogue& epilogue, const float* b) {
                        return conv_transpose2d::table().find(cpu)->pack(p, epilogue, weight.data(), b, Context{});
                    });
}

void check_all() {
    check_convolution({.n = 2, .h = 5, .w = 7, .c = 19, .o = 37});
    check_convolution({.n = 1, .h = 9, .w = 6, .c = 16, .o = 64, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}});
    check_convolution({.n = 1, .h = 8, .w = 8, .c = 130, .o = 50, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2});
    check_convolution({.n = 1, .h = 9, .w = 11, .c = 33, .o = 33, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}, .groups = 33});
    check_convolution({.n = 1, .h = 12, .w = 11, .c = 3, .o = 24, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}});
    check_convolution({.n = 1, .h = 4, .w = 5, .c = 64, .o = 1});
    check_transposed(
        {.n = 2, .h = 4, .w = 5, .c = 18, .o = 21, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 7, .out_w = 10});
    check_transposed(
        {.n = 1, .h = 4, .w = 5, .c = 1, .o = 1, .kh = 8, .kw = 8, .stride = 4, .crop_top = 2, .crop_left = 2, .out_h = 16, .out_w = 19});
    check_transposed({.n = 1, .h = 2, .w = 3, .c = 17, .o = 9, .kh = 1, .kw = 1, .stride = 2, .out_h = 3, .out_w = 5});
}

}  // namespace

TEST_CASE("packed convolutions: the fused pass equals its parts, each instruction set") {
    const Isa best = isa();
    for (Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if (set > best) continue;
        force_isa(set);
        check_all();
    }
    force_isa(best);
}

}  // namespace purnet::test
