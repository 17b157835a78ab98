// Inference on the device: the plan of a narrow network on the device (an emulated one, or real) against the CPU's map, through the class
// that programs use.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/salient/predictor.h"
#include "core/plan/plan.h"
#include "core/random/philox.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/choices.h"
#include "layers/conv2d.h"
#include "nets/init.h"
#include "tests/device/place.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

constexpr int side = 64;

std::unique_ptr<PurNet> narrow_net(Device device, DType activation = DType::f32) {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = 8;
    config.normalisation = default_normalisation(Backbone::light);
    config.size = side;
    auto net = std::make_unique<PurNet>(config, device, activation);
    initialise(net->parameters(), 5);
    return net;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        REQUIRE(std::isfinite(a[i]));
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    return most;
}

}  // namespace

TEST_CASE("device plan: what was measured of a convolution stands behind its way") {
    const Device device = place().device;
    ParameterStore store(device, DType::f32);
    const Conv2d conv(Scope(store, "decoder.up1"), {.in = 8, .out = 16, .kernel = 1});
    const auto text = [&] {
        return Plan({Tensor::symbolic({2, 4, 4, 8}, DType::f32, device)},
                    [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{conv(in[0])}; })
            .text();
    };
    CHECK(contains(text(), "0\tconv2d\tdecoder.up1\t2x4x4x8 -> 2x4x4x16\ttiles "));
    CHECK(!contains(text(), "measured"));
    const std::string key = conv2d::key_of({.n = 2, .h = 4, .w = 4, .c = 8, .o = 16}, conv2d::Pass::forward);
    choices::know({{"cuda float32 " + key, "tiles 64x64"}, {"cuda or a library float32 " + key, "own"}, {"cuda bf16 " + key, "mma 64x64"}});
    CHECK(contains(text(), concat("\tmeasured: cuda float32 tiles 64x64; cuda or a library float32 own\n")));
    choices::know({});
}

TEST_CASE("device plan: the map equals the CPU's, at once and as a graph") {
    const Device device = place().device;
    CHECK(device.type == DeviceType::cuda);
    CHECK(choose_device("auto").device == device);
    REFUSED(choose_device("cuda:99"), "there is no such device");
    const RandomStream noise(7, "picture");
    std::vector<uint8_t> rgb(static_cast<size_t>(side) * side * 3);
    for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(noise.uniform(0, i) * 255);

    Predictor cpu(narrow_net({}), {});
    const std::vector<float> wanted = cpu.map(rgb.data(), side, side);
    const auto [low, high] = std::minmax_element(wanted.begin(), wanted.end());
    REQUIRE(*high - *low > 0.03f);  // else any map would do

    Predictor cuda(narrow_net(device), {.device = device});
    const std::vector<float> first = cuda.map(rgb.data(), side, side);
    CHECK(distance(first, wanted) <= 1e-4);
    // From the second run on all launches are one graph: the same bits, and another picture's map is another.
    CHECK(!test::contains(cuda.plan_text(), "launched as one graph\n"));
    CHECK(cuda.map(rgb.data(), side, side) == first);
    CHECK(test::contains(cuda.plan_text(), "launched as one graph\n"));
    CHECK(test::contains(cuda.plan_text(), "steps in 2 branches\n"));
    CHECK(cuda.plan_text().starts_with("0\tnormalise\t"));  // bytes cross the bus
    std::reverse(rgb.begin(), rgb.end());
    const std::vector<float> other = cuda.map(rgb.data(), side, side), other_wanted = cpu.map(rgb.data(), side, side);
    CHECK(distance(other, other_wanted) <= 1e-4);
    CHECK(distance(other, first) > 1e-3);
    std::reverse(rgb.begin(), rgb.end());

    // A picture of another size is resized there, to the bytes that the host makes of it: the same map.
    const Image wide = pattern(90, 70, 3);
    std::vector<uint8_t> resized(rgb.size());
    resize_bilinear(wide.pixels.data(), wide.height, wide.width, 3, resized.data(), side, side);
    CHECK(cuda.resizes_there(wide.width, wide.height));
    CHECK(!cuda.resizes_there(8192, 4096));
    CHECK(!cpu.resizes_there(wide.width, wide.height));
    CHECK(cuda.map(wide.pixels.data(), wide.width, wide.height) == cuda.map(resized.data(), side, side));
    CHECK(cpu.map(wide.pixels.data(), wide.width, wide.height) == cpu.map(resized.data(), side, side));
    const std::vector<PictureBytes> two{{wide.pixels.data(), wide.width, wide.height}, {resized.data(), side, side}};
    std::vector<float> maps(2 * first.size());
    cuda.maps_of(two, maps.data());
    CHECK(std::equal(maps.begin(), maps.begin() + static_cast<std::ptrdiff_t>(first.size()),
                     maps.end() - static_cast<std::ptrdiff_t>(first.size())));

    // Batch norms are folded into the convolutions before them, activations and sums are their epilogues.
    const auto fused = [](const std::string& text) {
        CHECK(!test::contains(text, "\tbatch_norm"));
        CHECK(!test::contains(text, "\tprelu"));
        CHECK(test::contains(text, "\tconv2d+batch_norm+prelu\t"));
        CHECK(test::contains(text, "+sum\t"));
        CHECK(test::contains(text, "\tdepthwise\n"));
    };
    fused(cuda.plan_text());

    // In bf16 folded weights are rounded once, when the plan is made.
    const PredictorOptions narrow{.device = device, .precision = Precision::bf16};
    Predictor bf16(narrow_net(device, DType::bf16), narrow);
    const std::vector<float> rounded = bf16.map(rgb.data(), side, side);
    CHECK(bf16.map(rgb.data(), side, side) == rounded);
    const double off = distance(rounded, wanted);
    CHECK(off > 1e-4);
    CHECK(off <= 0.2 * (*high - *low));
    CHECK(!test::contains(bf16.plan_text(), "round_bf16"));
    fused(bf16.plan_text());
    CHECK(test::contains(bf16.plan_text(), "\twgmma 64x64"));
    MESSAGE("bf16: off by ", off, " where values span ", *high - *low);
    REFUSED(Predictor(narrow_net(device), narrow), "a predictor's network is float32");
    REFUSED(Predictor(narrow_net(device), {.device = device, .precision = Precision::int8}), "use f32, tf32 or bf16");
}

}  // namespace purnet::test
