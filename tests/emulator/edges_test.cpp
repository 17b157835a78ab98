// CUDA kernels where their records don't go, since those hold finite numbers drawn at random in tensors that begin where the allocator
// says: NaN and infinities, means far apart, gradients that nobody asked for, addresses that are no multiples of 16.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/activation/activation.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_runs.h"
#include "kernels/optimiser/optimiser.h"
#include "kernels/pool/pool.h"
#include "kernels/promotion/promotion.h"
#include "kernels/reduce/reduce.h"
#include "kernels/resize/resize.h"
#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
const Context context{{DeviceType::cuda, 0}, nullptr};

template <class T>
constexpr Key key_of{DeviceType::cuda, sizeof(T) == 4 ? DType::f32 : DType::bf16};

std::vector<float> counted(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<int>(i * 7 % 11) - 5);
    return values;
}

template <class T>
std::vector<T> as(const std::vector<float>& values) {
    std::vector<T> typed;
    for (const float v : values) typed.push_back(T(v));
    return typed;
}

}  // namespace

TEST_CASE_TEMPLATE("emulator: one value that is not finite is found, wherever it is", T, float, bf16) {
    constexpr int64_t count = 8195;
    const auto all_finite = reduce::table().get(&reduce::Kernels::all_finite, "all_finite", key_of<T>);
    DeviceArray<T> x(as<T>(counted(count)));
    const DeviceArray<int32_t> flag(1);
    const DeviceArray<char> workspace(reduce::workspace_bytes(count));
    all_finite(count, x.get(), flag.get(), workspace.get(), context);
    CHECK(flag[0] == 1);
    for (const float bad : {infinity, -infinity, nan})
        for (const size_t at : {size_t{0}, size_t{5000}, static_cast<size_t>(count - 1)}) {
            const T kept = x[at];
            x.get()[at] = T(bad);
            all_finite(count, x.get(), flag.get(), workspace.get(), context);
            CAPTURE(bad);
            CAPTURE(at);
            CHECK(flag[0] == 0);
            x.get()[at] = kept;
        }
}

TEST_CASE("emulator: NaN wins a maximum, and of several the first") {
    const pool::Problem p{.n = 1, .h = 4, .w = 6, .c = 4, .out_h = 2, .out_w = 3, .kernel = 2, .stride = 2};
    DeviceArray<float> x(counted(p.x_count()));
    const DeviceArray<float> y(static_cast<size_t>(p.y_count()));
    const DeviceArray<uint8_t> tap(static_cast<size_t>(p.y_count()));
    // Channel 2 of the window of rows 2 and 3, columns 2 and 3: a number, NaN, a larger number, NaN.
    const float window[] = {1, nan, 9, nan};
    for (size_t i = 0; i < 4; ++i) x.get()[((2 + i / 2) * 6 + 2 + i % 2) * 4 + 2] = window[i];
    pool::table().get(&pool::Kernels::maximum, "maximum", key_of<float>)(p, x.get(), y.get(), tap.get(), context);
    const size_t here = 4 * 4 + 2;
    for (size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i == here));
    CHECK(tap[here] == 1);
}

TEST_CASE("emulator: one channel's mean far above the others takes the whole softmax over channels") {
    const promotion::Problem p{.images = 1, .rows = 1, .channels = 300};
    std::vector<float> f(300, 0);
    f[3] = 800;  // e^800 is no float64; 259, which the same thread reads after it, is 0
    const DeviceArray<float> there(f), statistics(600);
    const DeviceArray<char> workspace(promotion::statistics_workspace(p));
    promotion::table().get(&promotion::Kernels::statistics, "statistics", key_of<float>)(p, there.get(), statistics.get(), workspace.get(),
                                                                                         context);
    for (size_t c = 0; c < 300; ++c) {
        CHECK(statistics[c] == f[c]);
        CHECK(statistics[300 + c] == (c == 3 ? 1.0f : 0.0f));
    }
}

TEST_CASE_TEMPLATE("emulator: an infinity reaches the results whose window holds it and no other", T, float, bf16) {
    // 27 terms a sum: the last tile of the sum is padded with taps below the kernel, where the infinity lies for rows further up.
    const conv2d::Problem p{.n = 1, .h = 5, .w = 5, .c = 3, .o = 4, .kh = 3, .kw = 3};
    std::vector<float> values = counted(p.x_count());
    values[static_cast<size_t>((4 * p.w + 1) * p.c)] = infinity;
    const DeviceArray<T> x(as<T>(values)), weight(as<T>(std::vector<float>(static_cast<size_t>(p.weight_count()), 0.5f)));
    const DeviceArray<T> y(static_cast<size_t>(p.y_count()));
    const DeviceArray<char> workspace(conv2d::workspace(key_of<T>, p, conv2d::Pass::forward) + 16);
    conv2d::table().get(&conv2d::Kernels::forward, "forward", key_of<T>)(p, x.get(), weight.get(), nullptr, y.get(), workspace.get(),
                                                                         context);
    for (int64_t row = 0; row < 3; ++row)
        for (int64_t column = 0; column < 3; ++column)
            for (int64_t o = 0; o < p.o; ++o) {
                CAPTURE(row);
                CAPTURE(column);
                const float got = static_cast<float>(y[static_cast<size_t>((row * 3 + column) * p.o + o)]);
                CHECK(std::isfinite(got) == (row < 2 || column > 1));
            }
}

TEST_CASE("emulator: an infinity below the runs of a window reaches no result") {
    // Runs of 10 elements, 30 terms: the tile of the sum is padded with tap rows below the kernel.
    const conv2d::Problem p{.n = 1, .h = 7, .w = 8, .c = 3, .o = 8, .kh = 3, .kw = 3, .stride = 2};
    REQUIRE(conv2d::implicit::takes_runs(p, conv2d::Pass::forward));
    std::vector<float> values = counted(p.x_count());
    values[static_cast<size_t>((5 * p.w + 1) * p.c)] = infinity;
    const DeviceArray<bf16> x(as<bf16>(values)), weight(as<bf16>(std::vector<float>(static_cast<size_t>(p.weight_count()), 0.5f)));
    const DeviceArray<bf16> y(static_cast<size_t>(p.y_count()));
    const DeviceArray<char> workspace(conv2d::workspace(key_of<bf16>, p, conv2d::Pass::forward) + 16);
    conv2d::table().get(&conv2d::Kernels::forward, "forward", key_of<bf16>)(p, x.get(), weight.get(), nullptr, y.get(), workspace.get(),
                                                                            context);
    for (int64_t row = 0; row < 3; ++row)                 // of taps 2 row to 2 row + 2
        for (int64_t column = 0; column < 3; ++column) {  // of pixels 2 column to 2 column + 2
            CAPTURE(row);
            CAPTURE(column);
            const float got = static_cast<float>(y[static_cast<size_t>((row * 3 + column) * p.o)]);
            CHECK(std::isfinite(got) == (row < 2 || column > 0));
        }
}

TEST_CASE("emulator: an infinite gradient reaches the place its output was read from and no other") {
    const resize::Problem p{.n = 1, .h = 1, .w = 2, .c = 1, .out_h = 1, .out_w = 4, .mode = resize::Mode::nearest};
    const DeviceArray<float> dy({1, 2, infinity, 4}), dx(2);
    resize::table().get(&resize::Kernels::backward, "backward", key_of<float>)(p, dy.get(), dx.get(), nullptr, context);
    CHECK(dx[0] == 3);
    CHECK(dx[1] == infinity);
}

TEST_CASE("emulator: a norm that is not finite clips nothing") {
    for (const float bad : {infinity, nan}) {
        const DeviceArray<float> square(std::vector<float>{bad}), factor(1);
        optimiser::table().get(&optimiser::Kernels::clip_factor, "clip_factor", key_of<float>)(2, square.get(), factor.get(), context);
        CHECK(factor[0] == 1);
    }
}

TEST_CASE("emulator: batch norm with fixed statistics needs no sums for the gradient of its input") {
    const batch_norm::Problem p{.rows = 5, .channels = 3, .training = false, .activation = Activation::none};
    const DeviceArray<float> x(counted(15)), dy(counted(15)), dx(15);
    const DeviceArray<float> gamma({2, 3, 4}), beta({0, 1, 2}), mean({1, 1, 1}), inverse({0.5f, 1, 2});
    const DeviceArray<double> workspace(std::vector<double>(batch_norm::backward_workspace(p) / sizeof(double) + 1, nan));
    batch_norm::Backward b{};
    b.x = x.get();
    b.gamma = gamma.get();
    b.beta = beta.get();
    b.mean = mean.get();
    b.inverse = inverse.get();
    b.dy = dy.get();
    b.dx = dx.get();
    b.workspace = workspace.get();
    batch_norm::table().find(key_of<float>)->backward(p, b, context);
    for (size_t i = 0; i < 15; ++i) CHECK(dx[i] == gamma[i % 3] * inverse[i % 3] * dy[i]);
}

TEST_CASE("emulator: tensors may begin anywhere") {
    constexpr int64_t count = 37;
    const DeviceArray<float> x(counted(count + 1)), y(count + 1), sum(1);
    const activation::Problem relu{Activation::relu, count};
    activation::table().get(&activation::Kernels::forward, "forward", key_of<float>)(relu, x.get() + 1, nullptr, y.get() + 1, context);
    double wanted = 0;
    for (size_t i = 1; i <= count; ++i) {
        CHECK(y[i] == std::max(x[i], 0.0f));
        wanted += static_cast<double>(x[i]);
    }
    const DeviceArray<char> workspace(reduce::workspace_bytes(count));
    reduce::table().get(&reduce::Kernels::sum, "sum", key_of<float>)(count, 1, x.get() + 1, sum.get(), workspace.get(), context);
    CHECK(static_cast<double>(sum[0]) == wanted);
}

}  // namespace purnet::test
