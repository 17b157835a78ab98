// Sums over a gradient that whoever makes it takes in passing (OpCall::gradient_sums): between whom the tape lets them pass, and the
// gradients of convolutions behind batch norms, where they do.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "core/op.h"
#include "core/ops/batch_norm.h"
#include "core/ops/binary.h"
#include "core/ops/conv2d.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/random/philox.h"
#include "core/tape.h"
#include "kernels/batch_norm/gradient_sums.h"

namespace purnet::test {
namespace {

constexpr Device reference{DeviceType::reference, 0};

Tensor numbers(const Shape& shape, const std::string& name, double around = 0) {
    const RandomStream noise(5, name);
    std::vector<double> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = around + noise.uniform(0, i) - 0.5;
    return Tensor::from(values.data(), shape, DType::f64, reference);
}

void copy(const Arguments& a, int64_t count) { std::copy_n(a.in<double>(0), count, static_cast<double*>(a.out())); }

// y = x, whose backward wants a sum over dy and notes what came; one that nobody took is -1.
struct Wants {
    std::vector<double> came;

    Tensor operator()(const Tensor& x) {
        OpCall call{.name = "wants", .inputs = {x}, .outputs = {{x.shape(), x.dtype()}}};
        call.forward = [count = x.count()](const Arguments& a, const Context&) { copy(a, count); };
        call.backward = [this](Gradients& g) {
            came.push_back(g.sums() ? g.sums().item() : -1);
            g.give(0, g.grad());
        };
        call.gradient_sums = [](Gradients& g) { return g.wanted(0) ? std::any(1) : std::any(); };
        return apply_one(std::move(call));
    }
};

// y = the first input, whose gradient is given with its sum wherever the tape says that it is wanted.
Tensor takes(const Tensor& a, const Tensor& b = {}) {
    OpCall call{.name = "takes", .inputs = {a, b}, .outputs = {{a.shape(), a.dtype()}}};
    call.forward = [count = a.count()](const Arguments& arguments, const Context&) { copy(arguments, count); };
    call.backward = [](Gradients& g) {
        if (!g.wanted(0)) return;
        const Tensor dy = g.grad();
        double* to = static_cast<double*>(g.destination(0));
        std::copy_n(dy.data<double>(), dy.count(), to);
        if (g.sums_wanted(0).has_value()) g.give_sums(0, ops::sum(dy));
    };
    return apply_one(std::move(call));
}

struct Batch {
    ParameterStore store{reference, DType::f64};
    Tensor parameter(const std::string& name, const Shape& shape, double around = 0, bool statistic = false) {
        Parameter& p = store.add(name, shape, FileLayout::as_is, statistic);
        p.value.copy_from(numbers(shape, name, around));
        return p.value;
    }
};

using Came = std::vector<double>;

}  // namespace

TEST_CASE("tape: sums over a gradient come from the op that gives all of it, and from no other") {
    Batch batch;
    const Tensor x = batch.parameter("x", {2, 3}), w = batch.parameter("w", {2, 3});
    Wants wants;
    const auto backward = [&](const std::function<std::vector<Tape::Root>()>& roots) {
        wants.came.clear();
        Tape tape;
        std::vector<Tape::Root> list;
        {
            Recording on(tape);
            list = roots();
        }
        tape.backward(list);
        return wants.came;
    };
    const auto moves = [](const char* name) { return [name](const Parameter& p) { return p.name == name; }; };
    SUBCASE("one reader") {
        CHECK(backward([&] { return std::vector<Tape::Root>{{takes(wants(x))}}; }) == Came{6});
        CHECK(backward([&] { return std::vector<Tape::Root>{{takes(wants(x)), {}, 0.5}}; }) == Came{3});
        CHECK(backward([&] { return std::vector<Tape::Root>{{takes(takes(wants(wants(x))))}}; }) == Came{6, -1});
    }
    SUBCASE("a reader that takes none, or reads the result by another shape") {
        CHECK(backward([&] { return std::vector<Tape::Root>{{ops::add(wants(x), x)}}; }) == Came{-1});
        CHECK(backward([&] { return std::vector<Tape::Root>{{takes(ops::reshape(wants(x), {3, 2}))}}; }) == Came{-1});
    }
    SUBCASE("several readers") {
        CHECK(backward([&] {
                  const Tensor y = wants(x);
                  return std::vector<Tape::Root>{{ops::add(takes(y), takes(y))}};
              }) == Came{-1});
        CHECK(backward([&] {
                  const Tensor y = wants(x);
                  return std::vector<Tape::Root>{{ops::add(takes(y), y)}};
              }) == Came{-1});
        CHECK(backward([&] {
                  const Tensor y = wants(x);
                  return std::vector<Tape::Root>{{takes(y, y)}};
              }) == Came{-1});
    }
    SUBCASE("the result is a root itself") {
        CHECK(backward([&] { return std::vector<Tape::Root>{{wants(x)}}; }) == Came{-1});
        CHECK(backward([&] {  // each walk for itself
                  const Tensor y = wants(x);
                  return std::vector<Tape::Root>{{takes(y)}, {y}, {takes(y)}};
              }) == Came{6, -1, 6});
    }
    SUBCASE("a second reader that the root does not come by counts where it does") {
        const auto both = [&](const std::function<std::vector<Tape::Root>(Tensor, Tensor)>& roots) {
            return backward([&] {
                const Tensor y = wants(x), a = takes(y), b = ops::mul(y, w);
                return roots(a, b);
            });
        };
        CHECK(both([](Tensor a, Tensor) { return std::vector<Tape::Root>{{a}}; }) == Came{6});
        CHECK(both([](Tensor a, Tensor b) { return std::vector<Tape::Root>{{ops::add(a, b)}}; }) == Came{-1});
    }
    SUBCASE("a root that moves nothing behind it") {
        CHECK(backward([&] {
                  const Tensor y = wants(x);
                  return std::vector<Tape::Root>{{ops::mul(takes(y), w), moves("w")}, {takes(y), moves("x")}};
              }) == Came{6});
    }
}

TEST_CASE("tape: a convolution's gradient and the sums of the batch norm before it, against differences") {
    for (const bool training : {true, false})
        for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6, Activation::prelu}) {
            CAPTURE(training);
            CAPTURE(name_of(activation));
            Batch batch;
            const bool prelu = activation == Activation::prelu;
            // 90 pixels: two parts. Some channels of relu6 lie beyond 6.
            const Tensor x = batch.parameter("x", {2, 5, 9, 3}), gamma = batch.parameter("gamma", {3}, 2),
                         beta = batch.parameter("beta", {3}, activation == Activation::relu6 ? 5 : 0),
                         slope = prelu ? batch.parameter("slope", {1}, 0.75) : Tensor(), weight = batch.parameter("weight", {2, 2, 2, 3}),
                         mean = batch.parameter("mean", {3}, 0, true), var = batch.parameter("var", {3}, 1, true);
            const Tensor after = numbers(x.shape(), "after"), cotangent = numbers({2, 5, 9, 2}, "cotangent");
            const auto loss = [&] {
                const Tensor y =
                    ops::batch_norm(x, gamma, beta, mean, var, {.training = training, .activation = activation}, slope, {}, after);
                return ops::sum(ops::mul(ops::conv2d(y, weight, {}, {.pads = {1, 0, 0, 1}}), cotangent));
            };
            Tape tape;
            Tensor root;
            {
                Recording on(tape);
                root = loss();
            }
            tape.backward(root);
            for (Parameter& p : batch.store.all()) {
                if (p.statistic) continue;
                CAPTURE(p.name);
                const std::vector<double> gradient = p.grad.to_doubles();
                double* at = p.value.data<double>();
                const size_t stride = gradient.size() < 21 ? 1 : 11;
                for (size_t i = 0; i < gradient.size(); i += stride) {
                    const double h = 1e-6, here = at[i];
                    at[i] = here + h;
                    const double above = loss().item();
                    at[i] = here - h;
                    const double below = loss().item();
                    at[i] = here;
                    CHECK(gradient[i] == doctest::Approx((above - below) / (2 * h)).epsilon(1e-5).scale(1e-2));
                }
            }
        }
}

TEST_CASE("tape: what a batch norm makes of sums that were taken in passing is theirs, and what a convolution takes is what it wants") {
    Batch batch;
    const Tensor x = batch.parameter("x", {1, 9, 8, 4}), gamma = batch.parameter("gamma", {4}, 1), beta = batch.parameter("beta", {4}),
                 slope = batch.parameter("slope", {1}, 0.25), weight = batch.parameter("weight", {2, 1, 1, 4}),
                 mean = batch.parameter("mean", {4}, 0, true), var = batch.parameter("var", {4}, 1, true);
    const auto norm = [&](const Tensor& before) {
        return ops::batch_norm(x, gamma, beta, mean, var, {.activation = Activation::prelu}, slope, before);
    };
    // A reader that gives sums of its own: 1 and 2 for each part, of whatever.
    const auto reads = [](const Tensor& y, bool& wanted) {
        OpCall call{.name = "reads", .inputs = {y}, .outputs = {{y.shape(), y.dtype()}}};
        call.forward = [count = y.count()](const Arguments& a, const Context&) { copy(a, count); };
        call.backward = [&wanted, shape = y.shape()](Gradients& g) {
            std::fill_n(static_cast<double*>(g.destination(0)), shape.count(), 0.0);
            wanted = g.sums_wanted(0).has_value();
            std::vector<double> sums(3 * 2 * 4);
            for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<double>(i / 4 + 1);
            if (wanted) g.give_sums(0, Tensor::from(sums.data(), {3, 2, 4}, DType::f64, reference));
        };
        return apply_one(std::move(call));
    };
    const auto backward = [&](const Tensor& before, bool& wanted) {
        for (Parameter& p : batch.store.all()) p.has_grad = false;
        Tape tape;
        Tensor root;
        {
            Recording on(tape);
            root = reads(norm(before), wanted);
        }
        tape.backward(root);
    };
    const auto gradient = [&](const char* name) { return batch.store.find(name)->grad.to_doubles(); };
    bool wanted = false;
    backward({}, wanted);
    CHECK(wanted);
    CHECK(gradient("beta") == std::vector<double>(4, 3));
    CHECK(gradient("gamma") == std::vector<double>(4, 7));
    CHECK(gradient("slope") == std::vector<double>{44});
    backward(numbers(x.shape(), "before"), wanted);
    CHECK(!wanted);
    CHECK(gradient("beta") == std::vector<double>(4, 0));

    // From the other side: the sums of a convolution over the gradient that it gives.
    const auto list = [](const Tensor& t) { return t.to_doubles(); };
    const Tensor ones = Tensor::from(std::vector<double>(4, 1).data(), {4}, DType::f64, reference);
    for (const int stride : {1, 2}) {
        CAPTURE(stride);
        std::vector<double> came, dy;
        const auto makes = [&](const Tensor& input) {
            OpCall call{.name = "makes", .inputs = {input}, .outputs = {{input.shape(), input.dtype()}}};
            call.forward = [count = input.count()](const Arguments& a, const Context&) { copy(a, count); };
            call.backward = [&](Gradients& g) {
                dy = list(g.grad());
                if (g.sums()) came = list(g.sums());
                g.give(0, g.grad());
            };
            call.gradient_sums = [&](Gradients&) -> std::any {
                return batch_norm::NormOperands{Activation::none, x.raw(), ones.raw(), ones.raw(), ones.raw(), ones.raw(), nullptr};
            };
            return apply_one(std::move(call));
        };
        Tape tape;
        Tensor root;
        {
            Recording on(tape);
            root = ops::conv2d(makes(x), weight, {}, {.stride = stride});
        }
        tape.backward(root);
        REQUIRE(dy.size() == 9 * 8 * 4);
        if (stride > 1) {
            CHECK(came.empty());
            continue;
        }
        REQUIRE(came.size() == 3 * 2 * 4);
        const std::vector<double> input = list(x);
        for (size_t c = 0; c < 4; ++c) {
            double first = 0, second = 0;
            for (size_t r = 64; r < 72; ++r) first += dy[4 * r + c], second += dy[4 * r + c] * (input[4 * r + c] - 1);
            CHECK(came[4 + c] == doctest::Approx(first));
            CHECK(came[12 + c] == doctest::Approx(second));
            CHECK(came[20 + c] == 0);
        }
    }
}

}  // namespace purnet::test
