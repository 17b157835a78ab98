// A device without memory left: where, what for, how much there is, and which batch would fit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "apps/salient/stage.h"
#include "core/ops/reduce.h"
#include "core/plan/plan.h"
#include "core/tape.h"
#include "kernels/runtime/out_of_memory.h"
#include "layers/conv2d.h"
#include "nets/init.h"
#include "tests/device/place.h"
#include "tests/emulator/engine/memory.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

// While it lives, the device has so many bytes more than are taken.
class MemoryLeft {
public:
    explicit MemoryLeft(size_t bytes) : before_(emulator::memory_limit()) {
        release_cached_memory(DeviceType::cuda);
        emulator::memory_limit() = emulator::device_memory_used() + bytes;
    }
    ~MemoryLeft() { emulator::memory_limit() = before_; }
    MemoryLeft(const MemoryLeft&) = delete;
    MemoryLeft& operator=(const MemoryLeft&) = delete;

private:
    size_t before_;
};

constexpr size_t step_memory = size_t{6} << 20;  // a step of one or two pictures of 32 x 32

// The number behind `before` in a text that has it.
int number_behind(const std::string& text, const std::string& before) {
    const size_t at = text.find(before);
    REQUIRE(at != std::string::npos);
    return std::atoi(text.c_str() + at + before.size());
}

struct OneLayer {
    Device device = place().device;
    ParameterStore store{device, DType::f32};
    Conv2d conv{Scope(store, "decoder.up1"), {.in = 4, .out = 64, .kernel = 1}};

    Tensor input(int64_t batch) const { return Tensor::zeros({batch, 16, 16, 4}, DType::f32, device); }
};

}  // namespace

TEST_CASE("out of memory: op, layer, shapes, bytes wanted, in use and free") {
    const OneLayer net;
    const Tensor x = net.input(2);  // its result takes 128 KiB
    {
        const MemoryLeft little(100 << 10);
        const std::string text = message_of([&] { net.conv(x); });
        INFO(text);
        CHECK(
            text.starts_with("conv2d (2x16x16x4, 64x1x1x4 -> 2x16x16x64) in layer decoder.up1: out of memory on cuda:0: 0.1 MiB wanted, "));
        CHECK(contains(text, " MiB in use, 0.0 of "));
        CHECK(contains(text, " MiB free; memory (MiB live / peak): "));
        CHECK_THROWS_AS(net.conv(x), OutOfMemory);
    }
    CHECK(net.conv(x).size(3) == 64);  // nothing is broken
}

TEST_CASE("out of memory: in the backward of a layer") {
    const OneLayer net;
    const Tensor x = net.input(2);
    Tape tape;
    Tensor loss;
    {
        const Recording on(tape);
        loss = ops::sum(net.conv(x));
    }
    const MemoryLeft little(136 << 10);  // the sum's gradient, as large as the layer's result, fits: the layer's workspace does not
    const std::string text = message_of([&] { tape.backward(loss); });
    INFO(text);
    CHECK(text.starts_with("conv2d (backward from 2x16x16x64) in layer decoder.up1: out of memory on cuda:0: "));
}

TEST_CASE("out of memory: a plan says how many of the batch would fit") {
    const OneLayer net;
    ParameterStore store(net.device, DType::f32);
    const Conv2d back(Scope(store, "decoder.down1"), {.in = 64, .out = 4, .kernel = 1});
    const auto plan = [&](int64_t batch) {
        Plan({Tensor::symbolic({batch, 16, 16, 4}, DType::f32, net.device)},
             [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{back(net.conv(in[0]))}; });
    };
    const MemoryLeft little(400 << 10);  // a picture takes 72 KiB
    const std::string text = message_of([&] { plan(8); });
    INFO(text);
    CHECK(number_behind(text, "of a batch of 8 about ") == 5);
    plan(5);
    CHECK_THROWS_AS(plan(6), OutOfMemory);
    const MemoryLeft less(20 << 10);
    REFUSED(plan(2), "not even a batch of 1 would fit");
}

TEST_CASE("out of memory: weights that do not fit, as those of a layer") {
    const OneLayer net;
    const MemoryLeft little(100);
    const Tensor like = Tensor::symbolic({1, 16, 16, 4}, DType::f32, net.device);
    REFUSED(Plan({like}, [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net.conv(in[0])}; }),
            "conv2d (weights of 64x1x1x4) in layer decoder.up1: out of memory on cuda:0");
}

TEST_CASE("out of memory: a step that cannot be launched as one says what ran out, page-locked memory too") {
    TrainConfig config;
    config.backbone = "light";
    config.width = 8;
    config.size = 32;
    auto net = std::make_unique<PurNet>(network_config(config, 1, false), place().device);
    initialise(net->parameters(), 3);
    Stage stage(config, 1, 100, std::move(net));
    const size_t pixels = size_t{32} * 32;
    const Batch batch{.n = 1,
                      .h = 32,
                      .w = 32,
                      .rgb = std::vector<uint8_t>(3 * pixels, 100),
                      .mask = std::vector<float>(pixels, 0),
                      .labels = std::vector<int32_t>(pixels, 0)};
    emulator::page_locked_limit() = 1000;
    const MemoryLeft little(200 << 10);  // the batch fits, kernel by kernel the step does not
    REFUSED(stage.step(batch, 0, false), "not even one picture of 32 x 32 fits");
    emulator::page_locked_limit() = SIZE_MAX;
    const std::string news = stage.news();
    INFO(news);
    CHECK(contains(news, "steps are launched kernel by kernel: a recorded step finds no memory to keep: out of page-locked memory: "));
}

// Takes a training step apart as far as it goes, then tries smaller ones: half a minute on emulated kernels.
TEST_CASE("out of memory: a training step names the largest batch that fits, found by trying") {
    if (!place().one_step) {
        MESSAGE("skipped: the monitored program runs it; PURNET_TEST_FULL=1 here too");
        return;
    }
    constexpr int side = 32, pictures = 3;
    TrainConfig config;
    config.backbone = "light";
    config.width = 8;
    config.size = side;
    auto net = std::make_unique<PurNet>(network_config(config, 1, false), place().device);
    initialise(net->parameters(), 3);
    Stage stage(config, 1, 100, std::move(net));
    const auto batch_of = [](int n) {
        Batch batch{.n = n, .h = side, .w = side};
        for (int i = 0; i < n * side * side; ++i) {
            const int y = i / side % side, x = i % side;
            for (int c = 0; c < 3; ++c) batch.rgb.push_back(static_cast<uint8_t>((i * 7 + c * 50 + i / 5) % 251));
            batch.mask.push_back(x > 8 && x < 25 && y > 6 && y < 20 ? 1.0f : 0.0f);
            batch.labels.push_back(y / 8 * (side / 8) + x / 8);
        }
        return batch;
    };
    const std::vector<float> before = stage.net().parameters().all().front().value.to_floats();
    ops::sum(OneLayer().input(1));  // the ring of counters (kernels/runtime/cuda/counters.h) is there, whatever tests ran before
    int fits = 0;
    {
        const MemoryLeft little(step_memory);
        const std::string text = message_of([&] { stage.step(batch_of(pictures), 0, false); });
        INFO(text);
        CHECK(contains(text, "out of memory on cuda:0"));
        CHECK(contains(text, " (3x"));  // shapes of the op
        fits = number_behind(text, "of a batch of 3 pictures ");
        CHECK(contains(text, concat(" fit: use --batch ", fits)));
        REQUIRE(fits >= 1);
        REQUIRE(fits < pictures);
        CHECK(stage.net().parameters().all().front().value.to_floats() == before);
        CHECK(stage.step(batch_of(fits), 0, false).finite);
    }
    {
        const MemoryLeft hardly_any(1 << 20);
        REFUSED(stage.step(batch_of(1), 0, false), "not even one picture of 32 x 32 fits");
    }
}

}  // namespace purnet::test
