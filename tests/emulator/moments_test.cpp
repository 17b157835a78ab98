// A convolution that takes the statistics of the batch norm behind it in passing, on emulated kernels: of the very values that it stored,
// whose means lie far from zero and from each other, with parts of the rows as ragged as they can be.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops/batch_norm.h"
#include "core/ops/conv2d.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "tests/device/place.h"
#include "tests/support/told_way.h"

namespace purnet::test {
namespace {

Tensor numbers(const Shape& shape, DType type, uint64_t seed) {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(static_cast<double>((i + seed) * 0x9e3779b97f4a7c15ull >> 40) * 0x1p-23 - 1);
    return Tensor::from(values.data(), shape, type, place().device);
}

void check(DType type, const Shape& picture, int64_t channels, int kernel) {
    const Tensor x = numbers(picture, type, 1), weight = numbers({channels, kernel, kernel, picture[3]}, DType::f32, 2);
    std::vector<float> means(static_cast<size_t>(channels));
    for (size_t c = 0; c < means.size(); ++c) means[c] = static_cast<float>(c % 3) * (type == DType::bf16 ? 30.0f : -3000.0f);
    const Tensor bias = Tensor::from(means.data(), {channels}, DType::f32, x.device());
    const ops::WithMoments made = ops::conv2d_with_moments(x, weight, bias, {});
    REQUIRE(made.moments);
    CHECK(made.y.to_floats() == ops::conv2d(x, weight, bias, {}).to_floats());

    const std::vector<float> gamma(means.size(), 1.5f), beta(means.size(), 0.25f);
    const auto parameter = [&](const std::vector<float>& values) {
        return Tensor::from(values.data(), {channels}, DType::f32, x.device());
    };
    const auto zeros = [&] { return Tensor::zeros({channels}, DType::f32, x.device()); };
    const Tensor mean = zeros(), var = zeros(), mean_by_pass = zeros(), var_by_pass = zeros();
    const ops::BatchNormOptions options{.momentum = 1};
    const std::vector<float> y =
        ops::batch_norm(made.y, parameter(gamma), parameter(beta), mean, var, options, {}, {}, {}, made.moments).to_floats();
    const std::vector<float> by_pass =
        ops::batch_norm(made.y, parameter(gamma), parameter(beta), mean_by_pass, var_by_pass, options).to_floats();

    const std::vector<float> stored = made.y.to_floats(), got_mean = mean.to_floats(), got_var = var.to_floats();
    const size_t rows = stored.size() / means.size();
    CAPTURE(rows);
    CAPTURE(channels);
    for (size_t c = 0; c < means.size(); ++c) {
        double m = 0, v = 0;
        for (size_t r = 0; r < rows; ++r) m += static_cast<double>(stored[r * means.size() + c]) / static_cast<double>(rows);
        for (size_t r = 0; r < rows; ++r) v += std::pow(static_cast<double>(stored[r * means.size() + c]) - m, 2);
        v /= static_cast<double>(rows > 1 ? rows - 1 : 1);
        CHECK(std::abs(static_cast<double>(got_mean[c]) - m) <= 0x1p-22 * (std::abs(m) + std::sqrt(v)));
        CHECK(std::abs(static_cast<double>(got_var[c]) - v) <= 4e-6 * v);
    }
    for (size_t i = 0; i < y.size(); ++i)
        REQUIRE(std::abs(y[i] - by_pass[i]) <= (type == DType::bf16 ? 0x1p-7f : 0x1p-18f) * (1 + std::abs(by_pass[i])));
}

}  // namespace

TEST_CASE("emulator: a convolution's moments are those of what it stored, however far apart the means") {
    // Tensor cores with full and ragged tiles, sums in parts, ordinary cores; rows: 192, 65, 12, 1.
    for (const DType type : {DType::f32, DType::bf16}) {
        check(type, {1, 12, 16, 64}, 72, 1);
        check(type, {1, 14, 6, 40}, 24, 2);
        check(type, {1, 6, 5, 32}, 9, 3);
        check(type, {1, 5, 13, 5}, 7, 1);
        check(type, {1, 1, 1, 8}, 8, 1);
    }
}

TEST_CASE("emulator: a convolution's moments by tiles of 128 rows, the last of which has 16") {
    const conv2d::Problem p{.n = 2, .h = 9, .w = 8, .c = 64, .o = 72};
    for (const char* way : {"mma 128x64", "mma 128x128", "wgmma 128x64", "wgmma 128x128"}) {
        place();
        const ToldWay told(DType::bf16, p, conv2d::Pass::forward, way);
        REQUIRE(conv2d::implicit::way_of<bf16>(p, conv2d::Pass::forward).name == way);
        check(DType::bf16, {p.n, p.h, p.w, p.c}, p.o, 1);
    }
}

}  // namespace purnet::test
