// 8-bit convolutions: both forms give the same bits, outputs in bytes and in float32 agree, nothing outside the output is touched.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/conv2d/conv2d_int8.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"

namespace purnet::test {
namespace {

using conv2d::Int8Conv, conv2d::Pass, conv2d::Problem, conv2d::Quantisation, gemm::Form8;

struct Numbers {
    uint64_t state;
    int64_t below(int64_t limit) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(limit));
    }
    float unit() { return static_cast<float>(below(1 << 20)) / (1 << 19) - 1; }
};

struct Result {
    std::vector<float> y;
    std::vector<uint8_t> bytes;
};

// Runs with canaries behind both outputs and a workspace of garbage.
Result run(const Int8Conv& conv, const std::vector<uint8_t>& x, int64_t count, bool real, bool bytes) {
    constexpr int64_t guard = 64;
    Result r{std::vector<float>(static_cast<size_t>(count + guard), 77.0f), std::vector<uint8_t>(static_cast<size_t>(count + guard), 0xA5)};
    const Block workspace(Device{}, conv.workspace() + 64);
    std::fill_n(static_cast<uint8_t*>(workspace.data()), conv.workspace() + 64, uint8_t{0xEE});
    conv.run(x.data(), nullptr, nullptr, real ? r.y.data() : nullptr, bytes ? r.bytes.data() : nullptr, workspace.data());
    const auto* behind = static_cast<const uint8_t*>(workspace.data()) + conv.workspace();
    CHECK(std::all_of(behind, behind + 64, [](uint8_t b) { return b == 0xEE; }));
    CHECK(std::all_of(r.y.end() - guard, r.y.end(), [](float v) { return v == 77.0f; }));
    CHECK(std::all_of(r.bytes.end() - guard, r.bytes.end(), [](uint8_t v) { return v == 0xA5; }));
    r.y.resize(static_cast<size_t>(count));
    r.bytes.resize(static_cast<size_t>(count));
    return r;
}

}  // namespace

TEST_CASE("int8: forms and threads give the same bits, instruction sets the same values; bytes are the rounded reals") {
    const Isa isa_before = isa();
    const int threads_before = thread_count();
    const std::vector<std::pair<Problem, Pass>> problems = {
        {{.n = 2, .h = 9, .w = 7, .c = 20, .o = 70, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, Pass::forward},
        {{.n = 1, .h = 40, .w = 5, .c = 32, .o = 9}, Pass::forward},
        {{.n = 1, .h = 14, .w = 10, .c = 33, .o = 7, .kh = 4, .kw = 4, .stride = 2, .pads = {1, 1, 1, 1}}, Pass::backward_data}};
    for (const auto& one : problems) {
        const Problem& problem = one.first;
        const Pass pass = one.second;
        const bool forward = pass == Pass::forward;
        const int64_t in = forward ? problem.x_count() : problem.y_count(), out = forward ? problem.y_count() : problem.x_count();
        Numbers numbers{static_cast<uint64_t>(in)};
        std::vector<uint8_t> x(static_cast<size_t>(in));
        for (uint8_t& v : x) v = static_cast<uint8_t>(numbers.below(256));
        std::vector<float> weight(static_cast<size_t>(problem.weight_count())), bias(static_cast<size_t>(forward ? problem.o : problem.c));
        for (float& v : weight) v = numbers.unit();
        for (float& v : bias) v = numbers.unit();
        const Quantisation of_x{0.013f, 131}, of_y{0.11f, 40};
        std::vector<Result> firsts;
        for (const Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
            if (set > isa_before) continue;
            force_isa(set);
            std::vector<Result> results;
            for (const int threads : {1, 3}) {
                set_thread_count(threads);
                for (const Form8 form : {Form8::words, Form8::bytes}) {
                    if (!gemm::runs(form)) continue;
                    const auto conv_of = [&](const Int8Conv::Outputs& outputs) {
                        return Int8Conv(problem, pass, {.slope = 0.25f}, of_x, outputs, weight.data(), bias.data(), form);
                    };
                    results.push_back(run(conv_of({.real = true, .bytes = of_y}), x, out, true, true));
                    CHECK(run(conv_of({}), x, out, true, false).y == results.back().y);
                    CHECK(run(conv_of({.real = false, .bytes = of_y}), x, out, false, true).bytes == results.back().bytes);
                }
            }
            for (const Result& r : results) {
                CHECK(r.y == results[0].y);
                CHECK(r.bytes == results[0].bytes);
            }
            firsts.push_back(results[0]);
        }
        for (const Result& r : firsts)
            for (size_t i = 0; i < r.y.size(); ++i) {
                REQUIRE(std::fabs(r.y[i] - firsts[0].y[i]) <= 1e-6f * (1 + std::fabs(firsts[0].y[i])));
                const double wanted = std::clamp(static_cast<double>(r.y[i]) / 0.11f + 40, 0.0, 255.0);
                REQUIRE(std::fabs(r.bytes[i] - wanted) < 0.5001);
            }
    }
    force_isa(isa_before);
    set_thread_count(threads_before);
}

TEST_CASE("int8: the largest sums do not overflow") {
    const Problem p{.n = 1, .h = 1, .w = 1, .c = gemm::most_depth, .o = 2};
    REQUIRE(conv2d::can_quantise(p, Pass::forward));
    const std::vector<uint8_t> x(static_cast<size_t>(p.c), 255);
    std::vector<float> weight(static_cast<size_t>(2 * p.c), 1.0f);
    std::fill(weight.begin() + p.c, weight.end(), -1.0f);
    for (const int zero : {0, 255}) {
        const Int8Conv conv(p, Pass::forward, {}, {1.0f, zero}, {}, weight.data(), nullptr);
        const std::vector<float> y = run(conv, x, 2, true, false).y;
        CHECK(y[0] == doctest::Approx(static_cast<double>(p.c) * (255 - zero)).epsilon(1e-6));
        CHECK(y[1] == doctest::Approx(-static_cast<double>(p.c) * (255 - zero)).epsilon(1e-6));
    }
    CHECK_FALSE(conv2d::can_quantise({.c = gemm::most_depth + 1, .o = 2}, Pass::forward));
    CHECK_FALSE(conv2d::can_quantise({.c = 4, .o = 4, .groups = 2}, Pass::forward));
}

TEST_CASE("int8: ranges become scales that hold 0 exactly") {
    const Quantisation positive = Quantisation::of_range(0.5, 5.1);
    CHECK(positive.zero == 0);
    CHECK(positive.scale == doctest::Approx(0.02));
    const Quantisation both = Quantisation::of_range(-1, 3);
    CHECK(both.zero == 64);
    CHECK(Quantisation::of_range(-2, -1).zero == 255);
    CHECK_THROWS_WITH(Quantisation::of_range(0, 0), doctest::Contains("no 8-bit scale"));
    CHECK_THROWS_WITH(Quantisation::of_range(0, INFINITY), doctest::Contains("no 8-bit scale"));
    CHECK_THROWS_WITH(Quantisation::of_range(NAN, 1), doctest::Contains("no 8-bit scale"));
    CHECK_THROWS_WITH(Quantisation::of_range(-1e308, 1e308), doctest::Contains("no 8-bit scale"));
    CHECK_THROWS_WITH(Quantisation::of_range(0, 1e-44), doctest::Contains("no 8-bit scale"));
}

}  // namespace purnet::test
