// What a tape makes again on the device has the bits of what it would have kept, for every form of batch norm and for the attentions.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/ops/batch_norm.h"
#include "core/ops/binary.h"
#include "core/ops/conv2d.h"
#include "core/ops/promotion.h"
#include "core/ops/rectify.h"
#include "core/ops/reduce.h"
#include "core/parameter.h"
#include "core/random/philox.h"
#include "core/tape.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

constexpr int64_t channels = 16;

struct Form {
    bool training;
    Activation activation;
};

// Gradients of a few layers whose convolutions read what batch norms and attentions make.
std::map<std::string, std::vector<float>> gradients(Device device, DType type, const Form& form, bool rebuilds, size_t& kept) {
    ParameterStore store(device, type);
    const auto parameter = [&](const std::string& name, const Shape& shape, float around, bool statistic = false) {
        Parameter& p = store.add(name, shape, FileLayout::as_is, statistic);
        const RandomStream noise(3, name);
        std::vector<float> values(static_cast<size_t>(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = around + static_cast<float>(noise.uniform(0, i)) - 0.5f;
        p.value.copy_from(Tensor::from(values.data(), shape, store.dtype(), device));
        return p.value;
    };
    const auto convolution = [&](const std::string& name, const Tensor& x) {
        return ops::conv2d(x, parameter(name, {channels, 1, 1, channels}, 0), {}, {});
    };
    const auto norm = [&](const std::string& name, const Tensor& x, const Tensor& before, const Tensor& after) {
        const bool prelu = form.activation == Activation::prelu;
        return ops::batch_norm(x, parameter(name + ".gamma", {channels}, 1), parameter(name + ".beta", {channels}, 0),
                               parameter(name + ".mean", {channels}, 0, true), parameter(name + ".var", {channels}, 1, true),
                               {.training = form.training, .activation = form.activation},
                               prelu ? parameter(name + ".slope", {1}, 0.25f) : Tensor(), before, after);
    };
    const RandomStream noise(4, "image");
    const Shape shape{2, 5, 3, channels};
    std::vector<float> pixels(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(noise.uniform(0, i)) - 0.5f;
    const Tensor image = Tensor::from(pixels.data(), shape, type, device);

    const size_t before = memory_use(device.type).live;
    Tape tape(rebuilds);
    Tensor result;
    {
        Recording on(tape);
        const Tensor a = norm("a", convolution("a.conv", image), {}, {});
        const Tensor b = norm("b", convolution("b.conv", a), a, {});
        const Tensor c = norm("c", convolution("c.conv", b), b, a);
        const Tensor e = ops::sub(c, b);
        const Tensor r = ops::rectify(c, e);
        const Tensor p = ops::promote(convolution("p.conv", r), r, ops::promotion_statistics(r, 1), 1);
        result = ops::sum(convolution("last.conv", p));
    }
    kept = memory_use(device.type).live - before;
    tape.backward(result);
    std::map<std::string, std::vector<float>> all;
    for (const Parameter& p : store.all()) all[p.name] = (p.statistic ? p.value : p.grad).to_floats();
    return all;
}

}  // namespace

TEST_CASE("device tape: what is made again has the bits of what was kept") {
    const Device device = place().device;
    for (const DType type : {DType::f32, DType::bf16})
        for (const bool training : {true, false})
            for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6, Activation::prelu}) {
                CAPTURE(name_of(type));
                CAPTURE(training);
                CAPTURE(name_of(activation));
                size_t kept = 0, rebuilt = 0;
                const auto wanted = gradients(device, type, {training, activation}, false, kept);
                const auto got = gradients(device, type, {training, activation}, true, rebuilt);
                CHECK(got.size() > 15);
                CHECK(got == wanted);
                CHECK(rebuilt < kept);
            }
}

}  // namespace purnet::test
