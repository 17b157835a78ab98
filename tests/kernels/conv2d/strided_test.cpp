// Convolutions computed by sizes and strides, element by element as conv2d_strided.h describes them, against the reference.
#include "kernels/conv2d/conv2d_strided.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

namespace purnet::test {
namespace {

using namespace conv2d;
using cuda::cudnn::Convolution;
using cuda::cudnn::Direction;
using cuda::cudnn::Tensor;

std::vector<double> integers(int64_t count, uint64_t seed) {
    std::vector<double> list(static_cast<size_t>(count));
    for (double& v : list) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        v = static_cast<double>(seed >> 60) - 8;
    }
    return list;
}

// Of a tensor's element; a size or stride that is too large ends the test.
double& at(std::vector<double>& values, const Tensor& t, int64_t i, int64_t j, int64_t row, int64_t column) {
    return values.at(static_cast<size_t>(i * t.strides[0] + j * t.strides[1] + row * t.strides[2] + column * t.strides[3]));
}

// Every product that the convolution has: body(x's element, w's, y's).
void for_each_product(const Convolution& c, std::vector<double>& x, std::vector<double>& w, std::vector<double>& y,
                      const std::function<void(double&, double&, double&)>& body) {
    const auto [outputs, inputs, rows, columns] = c.w.sizes;
    const int64_t groups = c.x.sizes[1] / inputs;
    for (int64_t n = 0; n < c.y.sizes[0]; ++n)
        for (int64_t o = 0; o < outputs; ++o)
            for (int64_t p = 0; p < c.y.sizes[2]; ++p)
                for (int64_t q = 0; q < c.y.sizes[3]; ++q)
                    for (int64_t i = 0; i < inputs; ++i)
                        for (int64_t ky = 0; ky < rows; ++ky)
                            for (int64_t kx = 0; kx < columns; ++kx) {
                                const int64_t row = p * c.strides[0] - c.pads_before[0] + ky * c.dilations[0];
                                const int64_t column = q * c.strides[1] - c.pads_before[1] + kx * c.dilations[1];
                                if (row < 0 || column < 0 || row >= c.x.sizes[2] || column >= c.x.sizes[3]) continue;
                                body(at(x, c.x, n, o / (outputs / groups) * inputs + i, row, column), at(w, c.w, o, i, ky, kx),
                                     at(y, c.y, n, o, p, q));
                            }
}

}  // namespace

TEST_CASE("strided convolutions: what is described equals the reference, every pass") {
    const Kernels& reference = *table().find({DeviceType::reference, DType::f64});
    for (const Problem& p : {Problem{.n = 2, .h = 7, .w = 5, .c = 4, .o = 6, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
                             Problem{.h = 9, .w = 8, .c = 3, .o = 2, .kh = 3, .kw = 2, .stride = 2, .pads = {1, 0, 2, 1}},
                             Problem{.h = 9, .w = 10, .c = 2, .o = 3, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2},
                             Problem{.n = 2, .h = 5, .w = 4, .c = 6, .o = 4, .kh = 2, .kw = 3, .pads = {0, 2, 1, 0}, .groups = 2},
                             Problem{.h = 5, .w = 5, .c = 4, .o = 4, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}, .groups = 4}}) {
        std::vector<double> x = integers(p.x_count(), 1), weight = integers(p.weight_count(), 2), y = integers(p.y_count(), 3);
        std::vector<double> wanted_y(y.size()), wanted_x(x.size()), wanted_weight(weight.size());
        reference.forward(p, x.data(), weight.data(), nullptr, wanted_y.data(), nullptr, {});
        reference.backward_data(p, y.data(), weight.data(), wanted_x.data(), nullptr, {});
        reference.backward_weights(p, x.data(), y.data(), wanted_weight.data(), nullptr, nullptr, {});

        const Convolution forward = implicit::strided(p, Pass::forward, DType::bf16);
        CHECK(forward.direction == Direction::forward);
        for (const Tensor& t : {forward.x, forward.w, forward.y}) CHECK(t.type == DType::bf16);
        // What the sizes are by the library's own formula.
        for (const size_t i : {0, 1})
            CHECK(forward.y.sizes[2 + i] == (forward.x.sizes[2 + i] + forward.pads_before[i] + forward.pads_after[i] -
                                             (forward.w.sizes[2 + i] - 1) * forward.dilations[i] - 1) /
                                                    forward.strides[i] +
                                                1);
        std::vector<double> got(y.size());
        for_each_product(forward, x, weight, got, [](double& a, double& b, double& c) { c += a * b; });
        CHECK(got == wanted_y);

        const Convolution data = implicit::strided(p, Pass::backward_data, DType::f32);
        CHECK(data.direction == Direction::data_gradient);
        got.assign(x.size(), 0);
        for_each_product(data, got, weight, y, [](double& a, double& b, double& c) { a += b * c; });
        CHECK(got == wanted_x);

        const Convolution filter = implicit::strided(p, Pass::backward_weights, DType::bf16);
        CHECK(filter.direction == Direction::filter_gradient);
        CHECK(filter.w.type == DType::f32);
        CHECK(filter.x.type == DType::bf16);
        got.assign(weight.size(), 0);
        for_each_product(filter, x, got, y, [](double& a, double& b, double& c) { b += a * c; });
        CHECK(got == wanted_weight);
    }
}

}  // namespace purnet::test
