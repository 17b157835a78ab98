// Plans in 8 bits and in bf16: close to float32, narrow forms made where they are read, floats kept where something else reads them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/ops/activation.h"
#include "core/ops/batch_norm.h"
#include "core/ops/conv2d.h"
#include "core/ops/conv_transpose2d.h"
#include "core/ops/pool.h"
#include "core/parameter.h"
#include "core/plan/plan.h"
#include "core/random/philox.h"
#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/gemm/gemm_int8.h"
#include "kernels/runtime/isa.h"
#include "tests/support/bf16.h"

namespace purnet {
namespace {

std::vector<double> numbers(int64_t count, const std::string& name, double low, double high) {
    const RandomStream stream(11, name);
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = low + (high - low) * static_cast<double>(stream.uniform(0, i));
    return values;
}

struct Weights {
    ParameterStore store{Device{}, DType::f32};

    Tensor operator()(const std::string& name, const Shape& shape, double low = -1, double high = 1) {
        if (const Parameter* known = store.find(name)) return known->value;
        Parameter& p = store.add(name, shape);
        p.value.copy_from(Tensor::from(numbers(shape.count(), name, low, high).data(), shape));
        return p.value;
    }
};

int count_of(const std::string& text, const std::string& word) {
    int count = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
    return count;
}

// Five convolutions with batch norms and sums, a transposed one, a head of one channel.
Network sample_network(Weights& w) {
    return [&w](const std::vector<Tensor>& in) {
        const auto norm = [&](const std::string& n, const Tensor& x, const Tensor& before = {}) {
            return ops::batch_norm(x, w(n + ".gamma", {32}, 0.5, 1.5), w(n + ".beta", {32}), w(n + ".mean", {32}),
                                   w(n + ".var", {32}, 0.5, 2), {.training = false, .activation = Activation::prelu},
                                   w("slope", {1}, 0.1, 0.3), before);
        };
        const Tensor stem = norm("n1", ops::conv2d(in[0], w("c1.weight", {32, 3, 3, 3}), {}, {.pads = {1, 1, 1, 1}}));
        const Tensor a = norm("n2", ops::conv2d(stem, w("c2.weight", {32, 3, 3, 32}), {}, {.pads = {1, 1, 1, 1}}));
        const Tensor b = norm("n3", ops::conv2d(a, w("c3.weight", {32, 1, 1, 32}), {}, {}), a);
        const Tensor c =
            norm("n4", ops::conv2d(b, w("c4.weight", {32, 3, 3, 32}), w("c4.bias", {32}), {.pads = {2, 2, 2, 2}, .dilation = 2}));
        const Tensor up = ops::conv_transpose2d(c, w("t.weight", {32, 4, 4, 32}), {},
                                                {.stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 24, .out_w = 20});
        return std::vector<Tensor>{up, ops::conv2d(up, w("head.weight", {1, 1, 1, 32}), {}, {})};
    };
}

// Mean difference over mean size.
double difference(const Tensor& got, const Tensor& wanted) {
    const std::vector<float> a = got.to_floats(), b = wanted.to_floats();
    double sum = 0, size = 0;
    for (size_t k = 0; k < a.size(); ++k) {
        sum += std::fabs(static_cast<double>(a[k] - b[k]));
        size += std::fabs(static_cast<double>(b[k]));
    }
    return sum / size;
}

}  // namespace

TEST_CASE("eight bits: a plan with ranges follows the one without") {
    Weights w;
    const Network network = sample_network(w);
    const Tensor x = Tensor::from(numbers(2 * 12 * 10 * 3, "x", -1, 1).data(), {2, 12, 10, 3});
    const std::vector<Tensor> like{Tensor::symbolic(x.shape(), DType::f32, {})};
    const Ranges ranges = measure_ranges(network, {{x}});
    CHECK(ranges.size() == 6);
    CHECK(ranges.at("c1.weight").low == doctest::Approx(-1).epsilon(0.1));
    CHECK(ranges.at("c2.weight").high > 0);

    Plan floats(like, network), bytes(like, network, {.eight_bit = &ranges});
    const std::string text = bytes.text();
    INFO(text);
    CHECK(count_of(floats.text(), "8 bits") == 0);
    // c2, c3, c4 and t, as far as float32 is not faster; c1 and the head have too few channels.
    const int left = gemm::best_form8() == gemm::Form8::bytes ? 0 : count_of(floats.text(), "winograd");
    CHECK(left < 4);
    CHECK(count_of(text, "8 bits") == 4 - left);
    CHECK(count_of(text, "quantise") >= 1);
    if (left == 0) CHECK(count_of(text, "quantise") == 1);  // of the stem, which is made in float32
    const std::vector<Tensor> wanted = floats.run({x}), got = bytes.run({x}), again = bytes.run({x});
    for (size_t i = 0; i < wanted.size(); ++i) {
        CHECK(again[i].to_floats() == got[i].to_floats());
        CHECK(difference(got[i], wanted[i]) < 0.03);
        CHECK(difference(got[i], wanted[i]) > 0);
    }
}

TEST_CASE("bf16: a plan follows the one in float32, and rounds what is made in float32 where it is read") {
    if (!test::can_emulate_bf16()) {
        MESSAGE("skipped: not even emulated bf16 without AVX-512");
        return;
    }
    const test::Bf16Wish emulate("emulate");
    Weights w;
    const Network network = sample_network(w);
    const Tensor x = Tensor::from(numbers(2 * 12 * 10 * 3, "x", -1, 1).data(), {2, 12, 10, 3});
    const std::vector<Tensor> like{Tensor::symbolic(x.shape(), DType::f32, {})};
    Plan floats(like, network), halves(like, network, {.bf16 = true});
    const std::string text = halves.text();
    INFO(text);
    CHECK(count_of(floats.text(), "bf16") == 0);
    // c2, c3, c4 and t, as far as float32 is not faster; c1 and the head have too few channels.
    const int left = cpu_features().amx ? 0 : count_of(floats.text(), "winograd");
    CHECK(left < 4);
    CHECK(count_of(text, "\tbf16\n") == 4 - left);
    CHECK(count_of(text, "round_bf16") == 2);  // of what is made in float32 before c2 or c3, and of what c3 adds
    const std::vector<Tensor> wanted = floats.run({x}), got = halves.run({x}), again = halves.run({x});
    for (size_t i = 0; i < wanted.size(); ++i) {
        CHECK(again[i].to_floats() == got[i].to_floats());
        // Four layers whose pictures and weights are off by 2^-9 on average or less, at random.
        CHECK(difference(got[i], wanted[i]) < 0x1p-7);
        CHECK(difference(got[i], wanted[i]) > 0);
    }
    const Ranges ranges = measure_ranges(network, {{x}});
    CHECK_THROWS_WITH(Plan(like, network, {.eight_bit = &ranges, .bf16 = true}), doctest::Contains("not in both"));
}

TEST_CASE("bf16: a plan on a machine without it is refused with the reason") {
    const test::Bf16Wish none("");
    const std::string reason = conv2d::why_no_bf16();
    if (reason.empty()) {
        MESSAGE("skipped: this CPU has bf16");
        return;
    }
    Weights w;
    const std::vector<Tensor> like{Tensor::symbolic({1, 12, 10, 3}, DType::f32, {})};
    CHECK_THROWS_WITH(Plan(like, sample_network(w), {.bf16 = true}), doctest::Contains(reason.c_str()));
}

TEST_CASE("eight bits: ranges are means over the runs, and values that are not finite are refused") {
    Weights w;
    const Network network = [&](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{ops::conv2d(in[0], w("c.weight", {16, 1, 1, 16}), {}, {})};
    };
    const auto constant = [](float value, float other) {
        std::vector<float> values(16, value);
        values[3] = other;
        return std::vector<Tensor>{Tensor::from(values.data(), {1, 1, 1, 16})};
    };
    const Ranges ranges = measure_ranges(network, {constant(1, -2), constant(3, -1)});
    CHECK(ranges.at("c.weight") == Range{-1.5, 2});
    CHECK_THROWS_WITH(measure_ranges(network, {constant(1, NAN)}), doctest::Contains("c.weight reads values that are not finite"));
    CHECK_THROWS_WITH(measure_ranges(network, {}), doctest::Contains("one picture at least"));
    // A range without extent leaves its convolution in float32.
    const Ranges flat{{"c.weight", {0, 0}}};
    const std::vector<Tensor> x = constant(1, 2);
    Plan plan({Tensor::symbolic(x[0].shape(), DType::f32, {})}, network, {.eight_bit = &flat});
    CHECK(count_of(plan.text(), "8 bits") == 0);
}

}  // namespace purnet
