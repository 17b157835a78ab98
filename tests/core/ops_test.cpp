// The differentiable ops on the tape: gradients against differences on the reference device, fused ops against compositions of simple
// ones, and the messages of wrong shapes.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "core/ops/activation.h"
#include "core/ops/batch_norm.h"
#include "core/ops/binary.h"
#include "core/ops/conv2d.h"
#include "core/ops/conv_transpose2d.h"
#include "core/ops/linear.h"
#include "core/ops/losses.h"
#include "core/ops/operands.h"
#include "core/ops/pool.h"
#include "core/ops/promotion.h"
#include "core/ops/rectify.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/ops/resize.h"
#include "core/ops/softmax.h"
#include "core/tape.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

constexpr Device reference{DeviceType::reference, 0};

// Numbers in [-1, 1] without order.
std::vector<double> numbers(int64_t count, int seed) {
    std::vector<double> v(static_cast<size_t>(count));
    uint64_t state = 0x9E3779B97F4A7C15u * static_cast<uint64_t>(seed + 1);
    for (double& x : v) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x = static_cast<double>(state >> 11) * 0x1p-52 - 1;
    }
    return v;
}

using Inputs = std::vector<Tensor>;
using Function = std::function<Tensor(const Inputs&)>;

// Differentiates sum(y * cotangent) by the tape and by differences, with respect to every input.
void check_gradients(const std::vector<Shape>& shapes, const Function& function, double scale = 1) {
    ParameterStore store(reference, DType::f64);
    Inputs inputs;
    std::vector<std::vector<double>> values;
    for (size_t i = 0; i < shapes.size(); ++i) {
        Parameter& p = store.add("x" + std::to_string(i), shapes[i]);
        values.push_back(numbers(shapes[i].count(), static_cast<int>(i)));
        for (double& v : values.back()) v *= scale;
        p.value.copy_from(Tensor::from(values.back().data(), shapes[i], DType::f64, reference));
        inputs.push_back(p.value);
    }
    const auto scalar = [&] {
        const Tensor y = function(inputs);
        const std::vector<double> cotangent = numbers(y.count(), 99);
        return ops::sum(ops::mul(y, Tensor::from(cotangent.data(), y.shape(), DType::f64, reference)));
    };
    Tape tape;
    Tensor loss;
    {
        Recording on(tape);
        loss = scalar();
    }
    tape.backward(loss);
    for (size_t i = 0; i < shapes.size(); ++i) {
        Parameter* p = store.find("x" + std::to_string(i));
        REQUIRE(p->has_grad);
        const std::vector<double> gradient = p->grad.to_doubles();
        double* x = p->value.data<double>();
        for (int64_t k = 0; k < shapes[i].count(); ++k) {
            const double h = 1e-5, at = x[k];
            x[k] = at + h;
            const double above = scalar().item();
            x[k] = at - h;
            const double below = scalar().item();
            x[k] = at;
            CHECK(gradient[static_cast<size_t>(k)] == doctest::Approx((above - below) / (2 * h)).epsilon(1e-5).scale(1e-2));
        }
    }
}

std::vector<double> run(const Tensor& t) { return t.to_doubles(); }

}  // namespace

TEST_CASE("ops: every op's gradient reaches its inputs through the tape") {
    const Shape map{2, 3, 4, 5};
    SUBCASE("activations") {
        check_gradients({map}, [](const Inputs& x) { return ops::relu(x[0]); });
        check_gradients(
            {map}, [](const Inputs& x) { return ops::relu6(x[0]); }, 9);
        check_gradients({map}, [](const Inputs& x) { return ops::sigmoid(x[0]); });
        check_gradients({map}, [](const Inputs& x) { return ops::tanh(x[0]); });
        check_gradients({map, {1}}, [](const Inputs& x) { return ops::prelu(x[0], x[1]); });
    }
    SUBCASE("broadcasts") {
        for (const Shape& b : {map, Shape{1}, Shape{5}, Shape{2, 5}, Shape{2, 1, 1, 5}, Shape{1, 1, 1, 5}})
            for (const auto& op : {ops::add, ops::sub, ops::mul})
                check_gradients({map, b}, [&](const Inputs& x) { return op(x[0], x[1]); });
    }
    SUBCASE("an input used twice") {
        check_gradients({map}, [](const Inputs& x) { return ops::mul(x[0], x[0]); });
        check_gradients({map}, [](const Inputs& x) { return ops::add(x[0], ops::add(x[0], x[0])); });
        // The sum hands one gradient to both of its inputs; what comes back to one of them besides must not reach the other.
        check_gradients({map, map}, [](const Inputs& x) {
            const Tensor b = ops::tanh(x[1]), a = ops::tanh(x[0]), square = ops::mul(a, a);
            return ops::add(ops::add(a, b), square);
        });
    }
    SUBCASE("softmax") {
        check_gradients({map}, [](const Inputs& x) { return ops::softmax_space(x[0]); });
        check_gradients({map}, [](const Inputs& x) { return ops::softmax_channels(x[0]); });
    }
    SUBCASE("pooling and resize") {
        check_gradients({map}, [](const Inputs& x) { return ops::max_pool(x[0], {3, 2, {1, 1, 1, 1}}); });
        check_gradients({map}, [](const Inputs& x) { return ops::avg_pool(x[0], {3, 2, {1, 1, 0, 1}}); });
        check_gradients({map}, [](const Inputs& x) { return ops::global_avg_pool(x[0]); });
        for (auto mode : {ops::ResizeMode::bilinear_half_pixel, ops::ResizeMode::bilinear_align_corners, ops::ResizeMode::nearest})
            check_gradients({map}, [&](const Inputs& x) { return ops::resize(x[0], 5, 7, mode); });
    }
    SUBCASE("promotion and rectification") {
        for (double gain : {1.0, 60.0})
            check_gradients({map, map},
                            [&](const Inputs& x) { return ops::promote(x[0], x[1], ops::promotion_statistics(x[1], gain), gain); });
        check_gradients({map}, [](const Inputs& x) { return ops::promote(x[0], x[0], ops::promotion_statistics(x[0], 60), 60); });
        check_gradients({map, map}, [](const Inputs& x) { return ops::rectify(x[0], x[1]); });
    }
    SUBCASE("shapes and sums") {
        check_gradients({map}, [](const Inputs& x) { return ops::mul(ops::reshape(x[0], {24, 5}), ops::reshape(x[0], {24, 5})); });
        check_gradients({map, {2, 3, 4, 1}, map}, [](const Inputs& x) { return ops::concat_channels({x[0], x[1], x[2], x[0]}); });
        check_gradients({map, map}, [](const Inputs& x) { return ops::sum_of({ops::mean(x[0]), ops::sum(x[1]), ops::mean(x[0])}); });
    }
    SUBCASE("losses") {
        const Shape one{2, 3, 4, 1};
        std::vector<double> mask = numbers(24, 7);
        for (double& v : mask) v = (v + 1) / 2;
        const Tensor g = Tensor::from(mask.data(), one, DType::f64, reference);
        std::vector<int32_t> regions(24);
        for (size_t i = 0; i < 24; ++i) regions[i] = static_cast<int32_t>(i * 7 % 5);
        const Tensor labels = Tensor::from(regions.data(), {2, 3, 4}, reference);
        check_gradients({one}, [&](const Inputs& x) { return ops::bce_loss(x[0], g); });
        check_gradients({one, one}, [&](const Inputs& x) { return ops::weighted_bce(x[0], g, x[1], ops::Weight::flowing, true); });
        const Tensor zo = g;
        check_gradients({one}, [&](const Inputs& x) { return ops::error_loss(x[0], zo, g, ops::ErrorLoss::bce); });
        check_gradients({one}, [&](const Inputs& x) { return ops::error_loss(x[0], zo, g, ops::ErrorLoss::kl); });
        for (bool second : {false, true})
            check_gradients({one}, [&](const Inputs& x) { return ops::structural_kl(x[0], g, labels, second); });
        check_gradients({one}, [&](const Inputs& x) { return ops::overlap_loss(x[0], g); });
    }
}

TEST_CASE("ops: batch norm's gradients in every form") {
    const Shape map{3, 2, 2, 3};
    for (bool training : {true, false})
        for (Activation f : {Activation::none, Activation::relu, Activation::relu6, Activation::prelu})
            for (bool before : {false, true})
                for (bool after : {false, true}) {
                    CAPTURE(training);
                    CAPTURE(name_of(f));
                    std::vector<Shape> shapes{map, {3}, {3}};
                    if (before) shapes.push_back(map);
                    if (after) shapes.push_back(map);
                    if (f == Activation::prelu) shapes.push_back({1});
                    check_gradients(shapes, [&](const Inputs& x) {
                        const double mean[] = {0.1, -0.2, 0.3}, variance[] = {0.5, 1, 2};
                        const Tensor running_mean = Tensor::from(mean, {3}, DType::f64, reference);
                        const Tensor running_var = Tensor::from(variance, {3}, DType::f64, reference);
                        size_t next = 3;
                        const Tensor b = before ? x[next++] : Tensor(), a = after ? x[next++] : Tensor();
                        const Tensor slope = f == Activation::prelu ? x[next] : Tensor();
                        return ops::batch_norm(x[0], x[1], x[2], running_mean, running_var, {.training = training, .activation = f}, slope,
                                               b, a);
                    });
                }
}

TEST_CASE("ops: the gradients of a convolution and a batch norm that takes its moments") {
    check_gradients({{2, 5, 9, 2}, {3, 2, 2, 2}, {3}, {3}, {3}}, [&](const Inputs& x) {
        const Tensor running_mean = Tensor::zeros({3}, DType::f64, reference), running_var = Tensor::zeros({3}, DType::f64, reference);
        const ops::WithMoments made = ops::conv2d_with_moments(x[0], x[1], x[2], {.pads = {1, 0, 0, 1}});
        REQUIRE(made.moments.shape() == Shape{3, 2, 3});
        return ops::batch_norm(made.y, x[3], x[4], running_mean, running_var, {.activation = Activation::relu}, {}, {}, {}, made.moments);
    });
}

TEST_CASE("ops: fused ones equal compositions of simple ones") {
    const Shape map{2, 3, 4, 5};
    const auto tensor = [&](const Shape& shape, int seed) {
        return Tensor::from(numbers(shape.count(), seed).data(), shape, DType::f64, reference);
    };
    const auto same = [](const Tensor& a, const Tensor& b) {
        const std::vector<double> x = run(a), y = run(b);
        REQUIRE(x.size() == y.size());
        for (size_t i = 0; i < x.size(); ++i) CHECK(x[i] == doctest::Approx(y[i]).epsilon(1e-12));
    };
    const Tensor x = tensor(map, 1), e = tensor(map, 2), before = tensor(map, 3), after = tensor(map, 4);
    SUBCASE("rectify") { same(ops::rectify(x, e), ops::add(ops::mul(x, ops::tanh(e)), x)); }
    SUBCASE("promote") {
        const Tensor a = ops::mul(ops::softmax_space(e), ops::softmax_channels(ops::global_avg_pool(e)));
        const Tensor statistics = ops::promotion_statistics(e, 1);
        same(ops::promotion_attention(e, statistics), a);
        same(ops::promote(x, e, statistics, 1), ops::add(ops::mul(x, a), x));
    }
    SUBCASE("batch norm with all that may follow it") {
        const Tensor gamma = tensor({5}, 5), beta = tensor({5}, 6), slope = tensor({1}, 7);
        const auto statistics = [&] {
            return std::pair(tensor({5}, 8), Tensor::from(std::vector<double>(5, 1.5).data(), {5}, DType::f64, reference));
        };
        for (bool training : {true, false}) {
            auto [m1, v1] = statistics();
            auto [m2, v2] = statistics();
            const Tensor fused =
                ops::batch_norm(x, gamma, beta, m1, v1, {.training = training, .activation = Activation::prelu}, slope, before, after);
            const Tensor plain = ops::batch_norm(x, gamma, beta, m2, v2, {.training = training});
            same(fused, ops::add(ops::prelu(ops::add(plain, before), slope), after));
            same(m1, m2);
            same(v1, v2);
        }
    }
    SUBCASE("batch norm of a convolution with its moments") {
        const Tensor filter = tensor({6, 2, 2, 5}, 11), gamma = tensor({6}, 5), beta = tensor({6}, 6);
        // Parts of 64 rows: one that is not full, two that are, a last one of a single row.
        for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{2, 9, 9, 5}, Shape{1, 6, 14, 5}}) {
            const Tensor picture = tensor(shape, 12);
            const auto statistics = [&] { return std::pair(tensor({6}, 8), tensor({6}, 9)); };
            auto [m1, v1] = statistics();
            auto [m2, v2] = statistics();
            const ops::WithMoments made = ops::conv2d_with_moments(picture, filter, {}, {});
            REQUIRE(made.moments);
            same(ops::batch_norm(made.y, gamma, beta, m1, v1, {}, {}, {}, {}, made.moments),
                 ops::batch_norm(ops::conv2d(picture, filter, {}, {}), gamma, beta, m2, v2, {}));
            same(m1, m2);
            same(v1, v2);
        }
        CHECK(!ops::conv2d_with_moments(x.to(Device{}, DType::f32), filter.to(Device{}, DType::f32), {}, {}).moments);
    }
    SUBCASE("the weighted loss without a weight, and its weight") {
        const Tensor g = ops::sigmoid(tensor({2, 3, 4, 1}, 9)), z = tensor({2, 3, 4, 1}, 10),
                     zero = Tensor::zeros({2, 3, 4, 1}, DType::f64, reference);
        same(ops::weighted_bce(z, g, zero, ops::Weight::fixed, false), ops::bce_loss(z, g));
        same(ops::weighted_bce(z, g, zero, ops::Weight::fixed, true), ops::bce_loss(z, g));
    }
}

TEST_CASE("ops: reshape shares memory") {
    const Tensor x = Tensor::from(numbers(12, 1).data(), {3, 4});
    CHECK(ops::reshape(x, {12}).raw() == x.raw());
}

TEST_CASE("ops: reductions see what is there") {
    Tensor x = Tensor::zeros({1000}, DType::f32);
    for (int i = 0; i < 1000; ++i) x.data<float>()[i] = static_cast<float>(i);
    CHECK(ops::sum(x).item() == 499500);
    CHECK(ops::mean(x).item() == 499.5);
    CHECK(ops::squared_norm(x).item() == static_cast<double>(332833500.0f));
    for (float bad : {INFINITY, -INFINITY, NAN}) {
        CHECK(ops::all_finite(x).data<int32_t>()[0] == 1);
        x.data<float>()[731] = bad;
        CHECK(ops::all_finite(x).data<int32_t>()[0] == 0);
        x.data<float>()[731] = 0;
    }
}

TEST_CASE("ops: pooling takes a NaN along and never a padding") {
    std::vector<float> values(9, -5.0f);
    values[8] = NAN;
    const std::vector<float> y = ops::max_pool(Tensor::from(values.data(), {1, 3, 3, 1}), {3, 2, {1, 1, 1, 1}}).to_floats();
    CHECK(y[0] == -5);
    CHECK(std::isnan(y[3]));
}

TEST_CASE("ops: beside bf16 a weight is rounded, and its gradient comes back in float32") {
    ParameterStore store({}, DType::bf16);
    Parameter& p = store.add("weight", {3});
    const std::vector<float> values = {1.00390625f, -0.3f, 1e-30f};  // the first lies in the middle of two bf16
    p.value.copy_from(Tensor::from(values.data(), {3}, DType::f32));
    const Tensor x = Tensor::zeros({2, 3}, DType::bf16);
    Tape tape;
    Tensor weight, again;
    {
        Recording on(tape);
        weight = ops::weight_for("test", x, p.value);
        again = ops::weight_for("test", x, p.value);  // two readers: the gradients add up
    }
    REQUIRE(weight.dtype() == DType::bf16);
    for (size_t i = 0; i < values.size(); ++i) CHECK(weight.to_floats()[i] == static_cast<float>(bf16(values[i])));
    // 1 + 2^-12 has no bf16: only a gradient in float32 keeps it.
    tape.backward({{weight, {}, 1}, {again, {}, 0x1p-12}});
    CHECK(p.grad.dtype() == DType::f32);
    CHECK(p.grad.to_floats() == std::vector<float>(3, 1 + 0x1p-12f));
    const Tensor plain = Tensor::zeros({2, 3}, DType::f32);
    CHECK(ops::weight_for("test", plain, p.value).raw() == p.value.raw());
}

TEST_CASE("ops: wrong shapes are refused with both") {
    const Tensor a = Tensor::zeros({2, 3, 4, 5}, DType::f32), b = Tensor::zeros({2, 3, 4, 6}, DType::f32),
                 v = Tensor::zeros({6}, DType::f32);
    const Tensor five = Tensor::zeros({5}, DType::f32);
    REFUSED(ops::add(a, b), "add: 2x3x4x6 can't be broadcast over 2x3x4x5");
    REFUSED(ops::mul(a, v), "mul: 6 can't");
    REFUSED(ops::rectify(a, b), "rectify: x is 2x3x4x5, e is 2x3x4x6");
    REFUSED(ops::batch_norm(a, v, five, five, five, {}), "batch_norm: x is 2x3x4x5, gamma must have 5");
    REFUSED(ops::batch_norm(a, five, five, five, five, {.activation = Activation::prelu}), "slope");
    REFUSED(ops::batch_norm(a, five, five, five, five, {}, {}, b), "2x3x4x6");
    REFUSED(ops::batch_norm(a, five, five, five, five, {}, {}, {}, {}, Tensor::zeros({3, 2, 5}, DType::f32)), "moments are 3x2x5");
    REFUSED(ops::batch_norm(a, five, five, five, five, {.training = false}, {}, {}, {}, Tensor::zeros({3, 1, 5}, DType::f32)),
            "moments are 3x1x5 and not wanted");
    REFUSED(ops::promote(a, b, {}, 1), "promote: f is 2x3x4x6 but the target is 2x3x4x5");
    REFUSED(ops::max_pool(a, {5, 2, {}}), "does not fit into 2x3x4x5");
    const Tensor filter = Tensor::zeros({7, 1, 1, 5}, DType::bf16), columns = Tensor::zeros({5, 4, 4, 1}, DType::bf16);
    REFUSED(ops::conv2d(a, filter, {}, {}), "conv2d: the input is float32 but its weight bf16");
    REFUSED(ops::conv_transpose2d(a, columns, {}, {}), "conv_transpose2d: the input is float32 but its weight bf16");
    REFUSED(ops::linear(Tensor::zeros({2, 5}, DType::f32), Tensor::zeros({3, 5}, DType::bf16), {}), "linear: the input is float32");
    REFUSED(ops::concat_channels({a, Tensor::zeros({2, 3, 5, 5}, DType::f32)}), "2x3x5x5");
    REFUSED(ops::reshape(a, {7}), "reshape: 2x3x4x5");
    REFUSED(ops::bce_loss(a, b), "weighted_bce: z is 2x3x4x5");
    REFUSED(ops::sum_of({a}), "sum_of: 2x3x4x5");
    REFUSED(ops::structural_kl(a, a, five, false), "structural_kl: z is 2x3x4x5");
}

}  // namespace purnet::test
