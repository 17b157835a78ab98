// How packed convolutions are computed: what was told is taken, what was not is measured, and all ways compute the same.
#include "kernels/conv2d/conv2d_choice.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernels/runtime/choices.h"
#include "kernels/runtime/memory.h"

namespace purnet::test {
namespace {

const conv2d::Problem problem{.h = 12, .w = 14, .c = 32, .o = 48, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};

struct Forgotten {
    ~Forgotten() {
        choices::measure(false);
        choices::know({});
    }
};

std::vector<float> values(int64_t count) {
    std::vector<float> v(static_cast<size_t>(count));
    for (size_t i = 0; i < v.size(); ++i) v[i] = std::sin(static_cast<float>(i * i % 1013));
    return v;
}

std::vector<float> result(const std::string& method) {
    const std::vector<float> x = values(problem.x_count()), weight = values(problem.weight_count());
    const auto conv = conv2d::make_packed(problem, conv2d::Pass::forward, {}, weight.data(), nullptr);
    CHECK(conv->method() == method);
    std::vector<float> y(static_cast<size_t>(problem.y_count()));
    const Block workspace(Device{}, conv->workspace() + 64);
    conv->run(x.data(), nullptr, nullptr, y.data(), workspace.data(), {});
    return y;
}

}  // namespace

TEST_CASE("choice: what was measured is kept, told and taken") {
    const Forgotten forget;
    const std::vector<conv2d::Method> methods = conv2d::packable_methods(problem, conv2d::Pass::forward);
    REQUIRE(methods.size() == 3);
    CHECK(conv2d::packed_method(problem, conv2d::Pass::forward) == conv2d::method_for(problem, conv2d::Pass::forward));
    CHECK(choices::known().empty());

    choices::measure(true);
    const conv2d::Method measured = conv2d::packed_method(problem, conv2d::Pass::forward);
    const choices::Known kept = choices::known();
    REQUIRE(kept.size() == 1);
    CHECK(kept.begin()->second == conv2d::name_of(measured));
    CHECK(conv2d::packed_method(problem, conv2d::Pass::forward) == measured);

    choices::measure(false);
    std::vector<float> plain;
    for (const conv2d::Method method : methods) {
        choices::know({{kept.begin()->first, conv2d::name_of(method)}});
        const std::vector<float> y = result(conv2d::name_of(method));
        if (plain.empty()) plain = y;
        for (size_t i = 0; i < y.size(); ++i) REQUIRE(std::fabs(y[i] - plain[i]) < 2e-4f);
    }

    choices::know({{kept.begin()->first, "no such method"}});
    result(conv2d::name_of(conv2d::method_for(problem, conv2d::Pass::forward)));
    const conv2d::Problem one{.h = 5, .w = 5, .c = 32, .o = 48};
    choices::measure(true);
    CHECK(conv2d::packed_method(one, conv2d::Pass::forward) == conv2d::Method::gemm);
    CHECK(choices::known().size() == 1);
}

}  // namespace purnet::test
