// A convolution that takes the sums of the backward of the batch norm before it in passing: the gradients are those of a batch norm that
// passes over its map, but for rounding. It does where somebody else reads the map too, here one whose gradient is zero.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/ops/batch_norm.h"
#include "core/ops/binary.h"
#include "core/ops/conv2d.h"
#include "core/ops/reduce.h"
#include "core/parameter.h"
#include "core/random/philox.h"
#include "core/tape.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/runtime/arithmetic.h"
#include "tests/device/place.h"
#include "tests/support/told_way.h"

namespace purnet::test {
namespace {

struct Form {
    Shape picture;
    int64_t channels;  // of the convolution's result
    int kernel;
    Activation activation;
    bool training;
};

std::map<std::string, std::vector<float>> gradients(DType type, const Form& form, bool in_passing) {
    const Device device = place().device;
    ParameterStore store(device, type);
    const auto numbers = [](const Shape& shape, const std::string& name, float around) {
        const RandomStream noise(7, name);
        std::vector<float> values(static_cast<size_t>(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = around + noise.uniform(0, i) - 0.5f;
        return values;
    };
    const auto parameter = [&](const std::string& name, const Shape& shape, float around, bool statistic = false) {
        Parameter& p = store.add(name, shape, FileLayout::as_is, statistic);
        p.value.copy_from(Tensor::from(numbers(shape, name, around).data(), shape, store.dtype(), device));
        return p.value;
    };
    const auto constant = [&](const Shape& shape, const std::string& name) {
        return Tensor::from(numbers(shape, name, 0).data(), shape, type, device);
    };
    const Shape vector{form.picture[3]};
    const Tensor x = constant(form.picture, "x"), first = parameter("first", {form.picture[3], 1, 1, form.picture[3]}, 0);
    const Tensor gamma = parameter("gamma", vector, 1), beta = parameter("beta", vector, 0), mean = parameter("mean", vector, 0, true),
                 var = parameter("var", vector, 1, true), after = constant(form.picture, "after"),
                 slope = form.activation == Activation::prelu ? parameter("slope", {1}, 0.25f) : Tensor(),
                 weight = parameter("weight", {form.channels, form.kernel, form.kernel, form.picture[3]}, 0);
    const Tensor none = Tensor::zeros(form.picture, type, device);
    Tape tape;
    Tensor loss;
    {
        Recording on(tape);
        const Tensor y = ops::batch_norm(ops::conv2d(x, first, {}, {}), gamma, beta, mean, var,
                                         {.training = form.training, .activation = form.activation}, slope, {}, after);
        const Tensor z = ops::conv2d(y, weight, {}, {});
        loss = ops::sum(ops::mul(z, constant(z.shape(), "cotangent")));
        if (!in_passing) loss = ops::add(loss, ops::sum(ops::mul(y, none)));
    }
    tape.backward(loss);
    std::map<std::string, std::vector<float>> all;
    for (const Parameter& p : store.all())
        if (!p.statistic) all[p.name] = p.grad.to_floats();
    return all;
}

conv2d::Problem convolution_of(const Form& form) {
    const Shape& x = form.picture;
    return {.n = x[0], .h = x[1], .w = x[2], .c = x[3], .o = form.channels, .kh = form.kernel, .kw = form.kernel};
}

void check(DType type, const Form& form) {
    CAPTURE(name_of(type));
    CAPTURE(form.picture);
    CAPTURE(name_of(form.activation));
    REQUIRE(conv2d::table().find({place().device.type, type})->gives_gradient_sums(convolution_of(form)));
    const auto got = gradients(type, form, true), wanted = gradients(type, form, false);
    REQUIRE(got.size() == wanted.size());
    for (const auto& [name, values] : wanted) {
        CAPTURE(name);
        float most = 0, off = 0;
        for (size_t i = 0; i < values.size(); ++i) {
            most = std::max(most, std::abs(values[i]));
            off = std::max(off, std::abs(values[i] - got.at(name)[i]));
        }
        CHECK(most > 0);
        // dx, on the way to the first weights, may be rounded to the other of two neighbours in bf16.
        CHECK(off <= (name == "first" && type == DType::bf16 ? 1e-3f : 1e-5f) * most);
    }
    CHECK(got == gradients(type, form, true));
}

}  // namespace

TEST_CASE("device tape: sums that a convolution takes in passing are those of a pass over its gradient") {
    for (const DType type : {DType::f32, DType::bf16})
        for (const bool training : {true, false}) {
            check(type, {{1, 12, 16, 64}, 72, 1, Activation::prelu, training});
            check(type, {{1, 6, 5, 40}, 24, 2, Activation::relu, training});
            check(type, {{1, 5, 13, 7}, 5, 1, Activation::relu6, training});
            check(type, {{2, 7, 5, 136}, 32, 3, Activation::none, training});
        }
    if (place().large)  // the tiles that only layers of a network have
        for (const DType type : {DType::f32, DType::bf16}) {
            check(type, {{8, 80, 80, 128}, 128, 3, Activation::prelu, true});
            check(type, {{8, 40, 40, 128}, 512, 1, Activation::relu, true});
            check(type, {{8, 20, 20, 256}, 256, 3, Activation::relu, true});
        }
    const AllowTf32 tf32;
    check(DType::f32, {{1, 12, 16, 64}, 72, 1, Activation::prelu, true});
    check(DType::f32, {{1, 14, 10, 136}, 24, 2, Activation::relu, true});
}

TEST_CASE("device tape: sums taken in passing by tiles of 128 rows, the last of which has 16") {
    const Form form{{2, 9, 8, 72}, 72, 1, Activation::relu, true};
    for (const char* way : {"mma 128x64", "mma 128x128", "wgmma 128x64", "wgmma 128x128"}) {
        if (conv2d::implicit::ways<bf16>(convolution_of(form), conv2d::Pass::backward_data).front().name.rfind("wgmma", 0) != 0 &&
            *way == 'w')
            continue;
        const ToldWay told(DType::bf16, convolution_of(form), conv2d::Pass::backward_data, way);
        REQUIRE(conv2d::implicit::way_of<bf16>(convolution_of(form), conv2d::Pass::backward_data).name == way);
        check(DType::bf16, form);
    }
}

}  // namespace purnet::test
