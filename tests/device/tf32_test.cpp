// Float32 convolutions on tensor cores (kernels/conv2d/conv2d_tf32.h): exact where TF32 holds the operands, within its rounding where it
// does not, and only where that was asked for.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/ops/conv2d.h"
#include "core/parameter.h"
#include "core/random/philox.h"
#include "core/tape.h"
#include "kernels/runtime/arithmetic.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

struct Layer {
    std::string name;
    Shape x, weight;
    ops::Conv2dOptions options;
    bool multiplied = true;  // on tensor cores
};

// Tiles of both sizes with rows, columns and terms left over, phases of a strided data gradient, some of them empty, sums in parts.
const std::vector<Layer> layers{
    {"3x3", {2, 9, 7, 12}, {20, 3, 3, 12}, {.pads = {1, 1, 1, 1}}},
    {"dilated", {1, 11, 9, 36}, {68, 3, 3, 36}, {.pads = {2, 2, 2, 2}, .dilation = 2}},
    {"stride 2", {1, 10, 9, 8}, {12, 4, 3, 8}, {.stride = 2, .pads = {1, 0, 2, 1}}},
    {"phases without places", {1, 1, 3, 16}, {16, 3, 3, 16}, {.stride = 2, .pads = {1, 1, 1, 1}}},
    {"groups", {2, 6, 5, 24}, {16, 3, 3, 12}, {.pads = {1, 1, 1, 1}, .groups = 2}},
    {"deep", {3, 7, 6, 520}, {8, 1, 1, 520}, {}},
    {"many pixels", {4, 30, 30, 8}, {136, 1, 1, 8}, {}},
    {"channels of no vector", {1, 6, 6, 6}, {7, 3, 3, 6}, {}, false},
};

// Output, gradients of x and of the weights.
using Results = std::vector<std::vector<double>>;

// value(uniform number in [0, 1)) is what each element of x, weight and dy is.
template <class Value>
Results run(const Layer& layer, Device device, DType type, Value value) {
    ParameterStore store(device, type);
    const auto drawn = [&](const std::string& name, const Shape& shape) {
        const RandomStream stream(5, name);
        std::vector<float> values(static_cast<size_t>(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = value(stream.uniform(0, i));
        return Tensor::from(values.data(), shape, type, device);
    };
    const auto parameter = [&](const std::string& name, const Shape& shape) {
        Parameter& p = store.add(name, shape, FileLayout::as_is, false);
        p.value.copy_from(drawn(name, shape));
        return p.value;
    };
    Tape tape;
    Tensor y;
    {
        Recording on(tape);
        y = ops::conv2d(parameter("x", layer.x), parameter("weight", layer.weight), {}, layer.options);
    }
    tape.backward({{.value = y, .moves = {}, .gradient = drawn("dy", y.shape())}});
    Results results{y.to_doubles()};
    for (const Parameter& p : store.all()) results.push_back(p.grad.to_doubles());
    return results;
}

constexpr Device exactly{DeviceType::reference, 0};

// The largest error of any element, in units of the sum of the products' magnitudes.
double worst(const Results& got, const Results& exact, const Results& magnitudes) {
    double most = 0;
    REQUIRE(got.size() == exact.size());
    for (size_t r = 0; r < got.size(); ++r) {
        REQUIRE(got[r].size() == exact[r].size());
        for (size_t i = 0; i < got[r].size(); ++i) {
            const double error = std::abs(got[r][i] - exact[r][i]);
            if (!(error <= most * magnitudes[r][i])) most = error / magnitudes[r][i];  // also NaN, which fails every bound
        }
    }
    return most;
}

}  // namespace

TEST_CASE("device tf32: small integers are exact in every pass") {
    const AllowTf32 tf32;
    const auto integer = [](float u) { return std::floor(5 * u) - 2; };
    for (const Layer& layer : layers) {
        CAPTURE(layer.name);
        CHECK(run(layer, place().device, DType::f32, integer) == run(layer, exactly, DType::f64, integer));
    }
}

TEST_CASE("device tf32: operands are rounded to 10 bits where it is allowed, and nowhere else") {
    const Device device = place().device;
    const auto real = [](float u) { return 2 * u - 1; };
    const auto magnitude = [](float u) { return std::abs(2 * u - 1); };
    for (const Layer& layer : layers) {
        CAPTURE(layer.name);
        const Results exact = run(layer, exactly, DType::f64, real), magnitudes = run(layer, exactly, DType::f64, magnitude);
        CHECK(worst(run(layer, device, DType::f32, real), exact, magnitudes) < 1e-6);
        const AllowTf32 tf32;
        const double rounded = worst(run(layer, device, DType::f32, real), exact, magnitudes);
        CHECK(rounded < 0x1p-10 * (1 + 0x1p-10));
        CHECK((rounded > 1e-5) == layer.multiplied);
    }
}

}  // namespace purnet::test
