// Every tile of the convolution for sm_90a against the formula of the contract, with and without an epilogue, on integers small enough for
// bf16: exact.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/emulator/device.h"
#include "tests/emulator/kernels/hopper_conv.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;

struct Tile {
    int groups, columns;
};
constexpr Tile tiles[] = {{1, 64}, {2, 64}, {2, 128}};

// Mostly zeros, so that sums of a thousand stay below 256, all of whose integers bf16 has.
std::vector<bf16> sparse(int64_t count, int64_t seed) {
    std::vector<bf16> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) {
        const size_t bits = (i + static_cast<size_t>(seed)) * 0x9e3779b97f4a7c15ull >> 40;
        values[i] = bf16(bits % 5 ? 0.0f : static_cast<float>(static_cast<int>(bits / 5 % 3) - 1));
    }
    return values;
}

std::vector<double> formula(const Problem& p, Pass pass, const std::vector<bf16>& source, const std::vector<bf16>& weight) {
    std::vector<double> out(static_cast<size_t>(pass == Pass::forward ? p.y_count() : p.x_count()), 0.0);
    for (int64_t n = 0; n < p.n; ++n)
        for (int64_t y = 0; y < p.out_h(); ++y)
            for (int64_t x = 0; x < p.out_w(); ++x)
                for (int64_t ky = 0; ky < p.kh; ++ky)
                    for (int64_t kx = 0; kx < p.kw; ++kx) {
                        const int64_t h = y * p.stride - p.pads.top + ky * p.dilation, w = x * p.stride - p.pads.left + kx * p.dilation;
                        if (h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
                        const int64_t at_x = ((n * p.h + h) * p.w + w) * p.c, at_y = ((n * p.out_h() + y) * p.out_w() + x) * p.o;
                        for (int64_t o = 0; o < p.o; ++o)
                            for (int64_t i = 0; i < p.c; ++i) {
                                const auto wv =
                                    static_cast<double>(float(weight[static_cast<size_t>(((o * p.kh + ky) * p.kw + kx) * p.c + i)]));
                                if (pass == Pass::forward)
                                    out[static_cast<size_t>(at_y + o)] +=
                                        wv * static_cast<double>(float(source[static_cast<size_t>(at_x + i)]));
                                else
                                    out[static_cast<size_t>(at_x + i)] +=
                                        wv * static_cast<double>(float(source[static_cast<size_t>(at_y + o)]));
                            }
                    }
    return out;
}

}  // namespace

TEST_CASE("emulator: every tile of the convolution for sm_90a is exact") {
    const Problem problems[] = {
        {.n = 2, .h = 9, .w = 8, .c = 40, .o = 136, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
        {.n = 1, .h = 13, .w = 11, .c = 72, .o = 64, .kh = 3, .kw = 3, .pads = {2, 4, 0, 3}, .dilation = 2},
        {.n = 3, .h = 12, .w = 9, .c = 64, .o = 72, .kh = 3, .kw = 2, .stride = 2, .pads = {1, 0, 1, 1}},
        {.n = 5, .h = 3, .w = 7, .c = 136, .o = 40},
    };
    for (const Problem& p : problems)
        for (const Pass pass : {Pass::forward, Pass::backward_data}) {
            if (pass == Pass::backward_data && p.stride != 1) continue;
            const bool forward = pass == Pass::forward;
            const std::vector<bf16> source = sparse(forward ? p.x_count() : p.y_count(), 7), weight = sparse(p.weight_count(), 1001);
            const std::vector<double> wanted = formula(p, pass, source, weight);
            std::vector<float> bias(static_cast<size_t>(forward ? p.o : p.c));
            for (size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i % 7) - 3.0f;
            const DeviceArray<bf16> x(source), w(weight), out(wanted.size());
            const DeviceArray<float> b(bias);
            const std::vector<bf16> before = sparse(static_cast<int64_t>(wanted.size()), 31), after = sparse(before.size(), 77);
            const DeviceArray<bf16> first(before), last(after);
            for (const Tile tile : tiles) {
                const DeviceArray<char> workspace(hopper_workspace(p, pass, tile.groups, tile.columns) + 16);
                constexpr int most_parts = 264;
                for (const emulator::Schedule& schedule : {emulator::Schedule{}, emulator::Schedule{emulator::Schedule::shuffled, 5, 3}}) {
                    emulator::schedule() = schedule;
                    for (size_t i = 0; i < out.size(); ++i) out.get()[i] = bf16(__builtin_nanf(""));
                    // Shuffled: with everything that may follow the sum. A slope of -1 makes the absolute value.
                    const bool whole = schedule.order == emulator::Schedule::shuffled;
                    const HopperOperands in{x.get(), w.get(), b.get(), whole ? first.get() : nullptr, whole ? last.get() : nullptr};
                    hopper_convolve(p, pass, tile.groups, tile.columns, most_parts, in, whole ? -1.0f : 1.0f, out.get(), workspace.get());
                    CAPTURE(p.c);
                    CAPTURE(forward);
                    CAPTURE(tile.groups);
                    CAPTURE(tile.columns);
                    for (size_t i = 0; i < out.size(); ++i) {
                        const double sum = wanted[i] + static_cast<double>(bias[i % bias.size()]);
                        const double ended = std::abs(sum + static_cast<double>(float(before[i]))) + static_cast<double>(float(after[i]));
                        REQUIRE(static_cast<double>(float(out[i])) == (whole ? ended : sum));
                    }
                }
                emulator::schedule() = {};
            }
        }
}

TEST_CASE("emulator: every tile of the weight gradient for sm_90a is exact, in parts and whole") {
    const Problem problems[] = {
        {.n = 2, .h = 9, .w = 8, .c = 40, .o = 136, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
        {.n = 1, .h = 13, .w = 11, .c = 136, .o = 72, .kh = 2, .kw = 3, .pads = {2, 4, 0, 3}, .dilation = 2},
        {.n = 3, .h = 12, .w = 19, .c = 64, .o = 32, .kh = 3, .kw = 2, .stride = 2, .pads = {1, 0, 1, 1}},
        {.n = 5, .h = 3, .w = 7, .c = 72, .o = 40},
        {.n = 3, .h = 16, .w = 16, .c = 32, .o = 32},  // 12 steps, 4 stages
    };
    for (const Problem& p : problems) {
        const std::vector<bf16> x = sparse(p.x_count(), 7), dy = sparse(p.y_count(), 1001);
        std::vector<double> wanted(static_cast<size_t>(p.weight_count()), 0.0);
        for (int64_t n = 0; n < p.n; ++n)
            for (int64_t y = 0; y < p.out_h(); ++y)
                for (int64_t q = 0; q < p.out_w(); ++q)
                    for (int64_t tap = 0; tap < p.kh * p.kw; ++tap) {
                        const int64_t h = y * p.stride - p.pads.top + tap / p.kw * p.dilation;
                        const int64_t w = q * p.stride - p.pads.left + tap % p.kw * p.dilation;
                        if (h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
                        for (int64_t o = 0; o < p.o; ++o)
                            for (int64_t i = 0; i < p.c; ++i)
                                wanted[static_cast<size_t>((o * p.kh * p.kw + tap) * p.c + i)] +=
                                    static_cast<double>(float(dy[static_cast<size_t>(((n * p.out_h() + y) * p.out_w() + q) * p.o + o)])) *
                                    static_cast<double>(float(x[static_cast<size_t>(((n * p.h + h) * p.w + w) * p.c + i)]));
                    }
        const DeviceArray<bf16> source(x), gradient(dy);
        const DeviceArray<float> out(wanted.size());
        for (const Tile tile : tiles)
            for (const int parts : {1, 264}) {
                const DeviceArray<char> workspace(hopper_workspace(p, Pass::backward_weights, tile.groups, tile.columns) + 16);
                for (const emulator::Schedule& schedule : {emulator::Schedule{}, emulator::Schedule{emulator::Schedule::shuffled, 5, 3}}) {
                    emulator::schedule() = schedule;
                    for (size_t i = 0; i < out.size(); ++i) out.get()[i] = __builtin_nanf("");
                    hopper_weight_gradient(p, tile.groups, tile.columns, parts, source.get(), gradient.get(), out.get(), workspace.get());
                    CAPTURE(p.c);
                    CAPTURE(parts);
                    CAPTURE(tile.groups);
                    CAPTURE(tile.columns);
                    for (size_t i = 0; i < out.size(); ++i) REQUIRE(static_cast<double>(out[i]) == wanted[i]);
                }
                emulator::schedule() = {};
            }
    }
}

TEST_CASE("emulator: a block that walks through a long sum alone goes several times round its ring") {
    const Problem p{.n = 1, .h = 4, .w = 5, .c = 40, .o = 8, .kh = 3, .kw = 4, .pads = {1, 1, 1, 2}};  // 12 steps, 4 stages
    const std::vector<bf16> source = sparse(p.x_count(), 7), weight = sparse(p.weight_count(), 1001);
    const std::vector<double> wanted = formula(p, Pass::forward, source, weight);
    const DeviceArray<bf16> x(source), w(weight), out(wanted.size());
    const DeviceArray<char> workspace(hopper_workspace(p, Pass::forward, 1, 64) + 16);
    for_each_schedule([&](const emulator::Schedule&) {
        hopper_convolve(p, Pass::forward, 1, 64, 1, {x.get(), w.get(), nullptr, nullptr, nullptr}, 1, out.get(), workspace.get());
        for (size_t i = 0; i < out.size(); ++i) REQUIRE(static_cast<double>(float(out[i])) == wanted[i]);
    });
}

}  // namespace purnet::test
