// Errors of kernels/simd/math.h in units in the last place, over a fine sample of all float32 arguments; exp, sigmoid and tanh as the
// kernels of each instruction set compute them, the others as this file's plain compilation does.
#include "kernels/simd/math.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/promotion/promotion.h"
#include "kernels/runtime/isa.h"

namespace purnet::test {
namespace {

// Every 2039th bit pattern: two million values of every sign and exponent.
std::vector<float> sample() {
    std::vector<float> values;
    for (uint64_t bits = 0; bits <= 0xffffffffu; bits += 2039) {
        const float v = simd::from_bits(static_cast<uint32_t>(bits));
        if (std::isfinite(v)) values.push_back(v);
    }
    return values;
}

// |got - want| in units of the last place of want as float32; below the normal range in units of the smallest normal's.
double ulps(float got, double want) {
    const auto rounded = static_cast<float>(want);
    if (std::isinf(rounded)) return got == rounded ? 0 : INFINITY;
    const int exponent = std::max(std::ilogb(std::max(std::fabs(want), static_cast<double>(std::numeric_limits<float>::min()))), -126);
    return std::fabs(static_cast<double>(got) - want) / std::ldexp(1.0, exponent - 23);
}

double worst_of(const std::vector<float>& x, const std::vector<float>& y, const std::function<double(double)>& want) {
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double error = ulps(y[i], want(static_cast<double>(x[i])));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

std::vector<float> activate(Activation function, const std::vector<float>& x) {
    std::vector<float> y(x.size());
    activation::table().get(&activation::Kernels::forward, "forward", {})({function, static_cast<int64_t>(x.size())}, x.data(), nullptr,
                                                                          y.data(), {});
    return y;
}

// The promotion attention with statistics 0 and 1 is e^f.
std::vector<float> exponentials(const std::vector<float>& x) {
    std::vector<float> y(x.size());
    const float statistics[] = {0, 1};
    promotion::table().get(&promotion::Kernels::attention, "attention", {})({1, static_cast<int64_t>(x.size()), 1, 1}, x.data(), statistics,
                                                                            y.data(), {});
    return y;
}

}  // namespace

TEST_CASE("simd math: exp, sigmoid, tanh are within 3 ulp everywhere, on every instruction set") {
    const Isa before = isa();
    const std::vector<float> x = sample();
    for (Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if ((set == Isa::avx2 && !cpu_features().avx2) || (set == Isa::avx512 && !cpu_features().avx512)) continue;
        force_isa(set);
        const double e = worst_of(x, exponentials(x), [](double v) { return std::exp(v); });
        const double s = worst_of(x, activate(Activation::sigmoid, x), [](double v) { return 1 / (1 + std::exp(-v)); });
        const double t = worst_of(x, activate(Activation::tanh, x), [](double v) { return std::tanh(v); });
        MESSAGE(std::string(name_of(set)), ": ulp of exp ", e, ", sigmoid ", s, ", tanh ", t);
        CHECK(e <= 2);
        CHECK(s <= 3);
        CHECK(t <= 3);
    }
    force_isa(before);
}

TEST_CASE("simd math: NaN and infinities") {
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(simd::exp(nan)));
    CHECK(std::isnan(simd::sigmoid(nan)));
    CHECK(std::isnan(simd::tanh(nan)));
    CHECK(simd::exp(inf) == inf);
    CHECK(simd::exp(-inf) == 0.0f);
    CHECK(simd::sigmoid(inf) == 1.0f);
    CHECK(simd::sigmoid(-inf) == 0.0f);
    CHECK(simd::tanh(inf) == 1.0f);
    CHECK(simd::tanh(-inf) == -1.0f);
    CHECK(std::signbit(simd::tanh(-0.0f)));
    for (Activation f : {Activation::relu, Activation::relu6, Activation::prelu, Activation::sigmoid, Activation::tanh}) {
        const float slope = 0.25f;
        float y = 0;
        activation::table().get(&activation::Kernels::forward, "forward", {})({f, 1}, &nan, &slope, &y, {});
        CHECK_MESSAGE(std::isnan(y), std::string(name_of(f)));
    }
}

TEST_CASE("simd math: ln(1 + e), ln, 1 - tanh^2") {
    double worst = 0, derivative = 0;
    for (float v : sample()) {
        if (v >= 0 && v <= 1) worst = std::max(worst, ulps(simd::log1p_unit(v), std::log1p(static_cast<double>(v))));
        const double cosine = std::cosh(static_cast<double>(v));
        if (std::fabs(v) < 43) derivative = std::max(derivative, ulps(simd::tanh_both(v).derivative, 1 / (cosine * cosine)));
    }
    MESSAGE("ulp of log1p ", worst, ", of 1 - tanh^2 ", derivative);
    CHECK(worst <= 3);
    CHECK(derivative <= 5);
    double relative = 0;
    for (int i = -4000; i <= 4000; ++i) {
        const double v = std::exp(i * 0.17 + 1e-3), got = simd::log(v);
        relative = std::max(relative, std::fabs(got - std::log(v)) / std::max(std::fabs(std::log(v)), 1e-300));
    }
    for (int i = -1000; i <= 1000; ++i) {
        const double v = 1 + i * 1e-4;
        if (i != 0) relative = std::max(relative, std::fabs(simd::log(v) - std::log(v)) / std::fabs(std::log(v)));
    }
    MESSAGE("relative error of the float64 ln ", relative);
    CHECK(relative <= 1e-15);
    CHECK(simd::log(1.0) == 0.0);
}

}  // namespace purnet::test
