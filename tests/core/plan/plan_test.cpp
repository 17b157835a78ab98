#include <doctest/doctest.h>

#include <cmath>

#include "core/ops/activation.h"
#include "core/ops/batch_norm.h"
#include "core/ops/binary.h"
#include "core/ops/conv2d.h"
#include "core/ops/conv_transpose2d.h"
#include "core/plan/arena.h"
#include "core/plan/plan.h"
#include "core/random/philox.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/runtime/choices.h"

namespace purnet {
namespace {

Tensor random(const Shape& shape, const char* name, double low = -1, double high = 1) {
    const RandomStream stream(3, name);
    std::vector<double> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = low + (high - low) * static_cast<double>(stream.uniform(0, i));
    return Tensor::from(values.data(), shape);
}

struct Norm {
    Tensor gamma, beta, mean, var;
    Norm(int64_t channels, const char* name)
        : gamma(random({channels}, name, 0.5, 1.5)),
          beta(random({channels}, name)),
          mean(random({channels}, name)),
          var(random({channels}, name, 0.5, 2)) {}
    Tensor operator()(const Tensor& x, Activation activation, const Tensor& slope = {}, const Tensor& before = {},
                      const Tensor& after = {}) const {
        return ops::batch_norm(x, gamma, beta, mean, var, {.training = false, .activation = activation}, slope, before, after);
    }
};

void check_equal(const std::vector<Tensor>& got, const std::vector<Tensor>& wanted) {
    REQUIRE(got.size() == wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
        const std::vector<float> a = got[i].to_floats(), b = wanted[i].to_floats();
        REQUIRE(a.size() == b.size());
        double worst = 0;
        for (size_t k = 0; k < a.size(); ++k)
            worst = std::max(worst, static_cast<double>(std::fabs(a[k] - b[k])) / (1 + std::fabs(static_cast<double>(b[k]))));
        CHECK(worst < 2e-5);
    }
}

}  // namespace

TEST_CASE("plan: equals the network, batch norms, activations and sums fused, unneeded steps dropped, twice the same") {
    const Tensor w1 = random({8, 3, 3, 3}, "w1"), b1 = random({8}, "b1"), w2 = random({8, 1, 1, 8}, "w2"), w3 = random({8, 3, 3, 8}, "w3");
    const Tensor wt = random({8, 4, 4, 8}, "wt"), wd = random({8, 3, 3, 1}, "wd"), slope = random({1}, "slope", 0.1, 0.3);
    const Norm n1(8, "n1"), n2(8, "n2"), n3(8, "n3"), n4(8, "n4"), unused(8, "unused");
    const Network network = [&](const std::vector<Tensor>& in) {
        const Tensor a = n1(ops::conv2d(in[0], w1, b1, {.pads = {1, 1, 1, 1}}), Activation::prelu, slope);
        unused(ops::conv2d(a, w2, {}, {}), Activation::relu);
        const Tensor b = n2(ops::conv2d(a, w2, {}, {}), Activation::relu, {}, a);  // the residual of a bottleneck
        const Tensor c =
            n3(ops::conv2d(b, w3, {}, {.pads = {2, 2, 2, 2}, .dilation = 2}), Activation::prelu, slope, {}, a);  // a decoder's sum
        const Tensor d = n4(ops::conv2d(c, wd, {}, {.stride = 2, .pads = {1, 1, 1, 1}, .groups = 8}), Activation::relu6);
        const Tensor e = ops::conv_transpose2d(d, wt, {}, {.stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 11, .out_w = 13});
        return std::vector<Tensor>{ops::sigmoid(e), ops::relu(ops::conv2d(c, w2, b1, {}))};
    };
    const Tensor x = random({2, 11, 13, 3}, "x");
    Plan plan({Tensor::symbolic(x.shape(), x.dtype(), x.device())}, network);
    const std::vector<Tensor> wanted = network({x});
    const std::vector<Tensor> first = plan.run(std::vector<Tensor>{x});
    check_equal(first, wanted);
    const std::vector<Tensor> second = plan.run(std::vector<Tensor>{x});
    for (size_t i = 0; i < first.size(); ++i) CHECK(first[i].to_floats() == second[i].to_floats());
    const std::string text = plan.text();
    CHECK(text.find("batch_norm\t") == std::string::npos);  // all folded: the name stands only inside a fused step
    CHECK(text.find("conv2d+batch_norm+prelu+sum") != std::string::npos);
    CHECK(text.find("7 steps") != std::string::npos);
    const std::vector<StepTime> times = plan.profile({x}, 3);
    CHECK(times.size() == 7);
    double work = 0;
    for (const StepTime& step : times) {
        CHECK(text.find(step.name) != std::string::npos);
        CHECK(step.milliseconds > 0);
        work += step.multiply_adds;
    }
    double traced = 0;
    for (const Step& step : trace({Tensor::symbolic(x.shape(), x.dtype(), x.device())}, network).steps) traced += multiply_adds(step);
    CHECK(work == traced);
    CHECK(work > 0);
    CHECK(text.find("measured") == std::string::npos);
    const std::string key =
        conv2d::key_of({.n = 2, .h = 11, .w = 13, .c = 3, .o = 8, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, conv2d::Pass::forward);
    choices::know({{key + " of some CPU", "gemm"}, {"cuda f32 " + key, "tiles 64x64"}, {key + "7", "another's"}});
    const std::string told = Plan({Tensor::symbolic(x.shape(), x.dtype(), x.device())}, network).text();
    choices::know({});
    CHECK(told.find("\tmeasured: gemm of some CPU\n") != std::string::npos);
    check_equal(plan.run(std::vector<Tensor>{x}), wanted);
    CHECK_THROWS_AS(plan.profile({x}, 0), Error);
}

TEST_CASE("plan: a result with two readers keeps its convolution apart") {
    const Tensor w = random({4, 1, 1, 4}, "w");
    const Norm norm(4, "n");
    const Network network = [&](const std::vector<Tensor>& in) {
        const Tensor raw = ops::conv2d(in[0], w, {}, {});
        return std::vector<Tensor>{ops::add(norm(raw, Activation::relu), raw)};
    };
    const Tensor x = random({1, 5, 7, 4}, "x");
    Plan plan({Tensor::symbolic(x.shape(), x.dtype(), x.device())}, network);
    check_equal(plan.run(std::vector<Tensor>{x}), network({x}));
    CHECK_THROWS_AS(plan.run(std::vector<Tensor>{random({1, 5, 6, 4}, "x")}), Error);
}

TEST_CASE("arena: pieces in use together never overlap, others share") {
    struct Span {
        int first, last;
    };
    std::vector<Piece> pieces = {{1000}, {2000}, {1000}, {4000}, {1}};
    const std::vector<Span> spans = {{0, 1}, {1, 2}, {2, 3}, {3, 3}, {0, 3}};
    const auto together = [&](size_t a, size_t b) { return spans[a].first <= spans[b].last && spans[b].first <= spans[a].last; };
    const size_t total = place(pieces, together);
    for (size_t i = 0; i < pieces.size(); ++i) {
        CHECK(pieces[i].offset % 256 == 0);
        CHECK(pieces[i].offset + pieces[i].bytes <= total);
        for (size_t k = 0; k < i; ++k) {
            const bool apart =
                pieces[i].offset + pieces[i].bytes <= pieces[k].offset || pieces[k].offset + pieces[k].bytes <= pieces[i].offset;
            CHECK((!together(i, k) || apart));
        }
    }
    CHECK(total < 8001);
}

}  // namespace purnet
