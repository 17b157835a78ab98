// Products of column-major matrices, element by element as conv2d_column_major.h describes them, against the convolution's reference.
#include "kernels/conv2d/conv2d_column_major.h"

#include <doctest/doctest.h>

#include <vector>

namespace purnet::test {
namespace {

using namespace conv2d;
using implicit::Operand;

std::vector<double> integers(int64_t count, uint64_t seed) {
    std::vector<double> list(static_cast<size_t>(count));
    for (double& v : list) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        v = static_cast<double>(seed >> 60) - 8;
    }
    return list;
}

// Every access by at(): a leading dimension or a size that is too large ends the test.
void multiply(const cuda::cublaslt::Product& p, const std::vector<double>& a, const std::vector<double>& b, std::vector<double>& c) {
    const auto index = [](int64_t i, int64_t j, int64_t leading) { return static_cast<size_t>(i + j * leading); };
    for (int64_t j = 0; j < p.n; ++j)
        for (int64_t i = 0; i < p.m; ++i) {
            double sum = 0;
            for (int64_t l = 0; l < p.k; ++l)
                sum += a.at(p.transpose_a ? index(l, i, p.lda) : index(i, l, p.lda)) *
                       b.at(p.transpose_b ? index(j, l, p.ldb) : index(l, j, p.ldb));
            c.at(index(i, j, p.ldc)) = sum;
        }
}

}  // namespace

TEST_CASE("column-major products: those of 1x1 convolutions equal the reference, every pass") {
    const Key key{DeviceType::reference, DType::f64};
    const Kernels& reference = *table().find(key);
    for (const Problem& p : {Problem{.n = 2, .h = 3, .w = 5, .c = 4, .o = 7}, Problem{.w = 6, .c = 5, .o = 1},
                             Problem{.h = 3, .c = 1, .o = 3}, Problem{.n = 3, .c = 2, .o = 2, .dilation = 2}}) {
        const std::vector<double> x = integers(p.x_count(), 1), weight = integers(p.weight_count(), 2), y = integers(p.y_count(), 3);
        const auto compute = [&](Pass pass, std::vector<double> result) {
            const auto described = implicit::column_major(p, pass, DType::bf16);
            REQUIRE(described);
            CHECK(described->product.in == DType::bf16);
            CHECK((described->product.out == DType::f32) == (pass == Pass::backward_weights));
            const auto given = [&](Operand operand) { return operand == Operand::x ? x : operand == Operand::weight ? weight : y; };
            CHECK(described->c == (pass == Pass::forward ? Operand::y : pass == Pass::backward_data ? Operand::x : Operand::weight));
            multiply(described->product, given(described->a), given(described->b), result);
            return result;
        };
        std::vector<double> wanted_y(y.size()), wanted_x(x.size()), wanted_weight(weight.size());
        reference.forward(p, x.data(), weight.data(), nullptr, wanted_y.data(), nullptr, {});
        reference.backward_data(p, y.data(), weight.data(), wanted_x.data(), nullptr, {});
        reference.backward_weights(p, x.data(), y.data(), wanted_weight.data(), nullptr, nullptr, {});
        CHECK(compute(Pass::forward, std::vector<double>(y.size())) == wanted_y);
        CHECK(compute(Pass::backward_data, std::vector<double>(x.size())) == wanted_x);
        CHECK(compute(Pass::backward_weights, std::vector<double>(weight.size())) == wanted_weight);
    }
}

TEST_CASE("column-major products: other convolutions are none") {
    const Problem plain{.h = 4, .w = 4, .c = 4, .o = 4};
    CHECK(implicit::column_major(plain, Pass::forward, DType::f32));
    for (const auto change : {+[](Problem& p) { p.kh = 2; }, +[](Problem& p) { p.kw = 2; }, +[](Problem& p) { p.stride = 2; },
                              +[](Problem& p) { p.groups = 2; }, +[](Problem& p) { p.pads.left = 1; }}) {
        Problem other = plain;
        change(other);
        for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights})
            CHECK(!implicit::column_major(other, pass, DType::f32));
    }
}

}  // namespace purnet::test
