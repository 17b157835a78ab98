// What runs beside something else in a recorded row of launches (kernels/runtime/branch.h), above all the weight gradients of a backward.
#include <doctest/doctest.h>

#include <memory>

#include "core/ops/activation.h"
#include "core/ops/binary.h"
#include "core/ops/reduce.h"
#include "core/tape.h"
#include "kernels/runtime/branch.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/memory_reserve.h"
#include "layers/conv2d.h"
#include "nets/init.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

int forks = 0;
SideStreams real;

// Counts what waits for a mark: a fork or a join each.
struct Counted {
    Counted() : before(*side_streams(DeviceType::cuda)) {
        real = before;
        forks = 0;
        SideStreams counting = before;
        counting.wait = [](void* stream, void* mark) {
            ++forks;
            real.wait(stream, mark);
        };
        register_side_streams(DeviceType::cuda, counting);
    }
    ~Counted() { register_side_streams(DeviceType::cuda, before); }
    SideStreams before;
};

struct Layers {
    ParameterStore store;
    Conv2d first, middle, last;

    explicit Layers(DType type)
        : store(place().device, type),
          first(Scope(store, "first"), {.in = 8, .out = 16, .kernel = 3, .padding = 1}),
          middle(Scope(store, "middle"), {.in = 16, .out = 16, .kernel = 3, .padding = 1}),
          last(Scope(store, "last"), {.in = 16, .out = 8, .kernel = 1}) {
        initialise(store, 4);
    }
    // Weights that are read three times, and a sum whose gradient two maps share.
    Tensor operator()(const Tensor& x) const {
        const Tensor a = ops::relu(first(x));
        Tensor b = a;
        for (int i = 0; i < 3; ++i) b = ops::relu(middle(b));
        return last(ops::add(a, b));
    }
};

}  // namespace

TEST_CASE("device step: weight gradients beside the walk have the bits of those in a row") {
    for (const DType type : {DType::f32, DType::bf16}) {
        CAPTURE(name_of(type));
        const Device device = place().device;
        Layers layers(type);
        std::vector<float> values(2 * 12 * 12 * 8);
        for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 64;
        const Tensor x = Tensor::from(values.data(), {2, 12, 12, 8}, type, device);
        const double one = 1;
        const Tensor seed = Tensor::from(&one, {1}, DType::f32, device);
        for (Parameter& p : layers.store.all()) p.grad = Tensor::zeros(p.value.shape(), p.value.dtype(), device);
        const auto backward = [&] {
            for (Parameter& p : layers.store.all()) p.has_grad = false;
            Tape tape;
            Tensor loss;
            {
                Recording on(tape);
                loss = ops::sum(layers(x));
            }
            Tape::Root root{loss};
            root.gradient = seed;
            tape.backward({root});
        };
        const auto gradients = [&] {
            std::vector<std::vector<float>> all;
            for (Parameter& p : layers.store.all()) {
                all.push_back(p.grad.to_floats());
                p.grad.fill_zero();
            }
            return all;
        };
        backward();
        const auto wanted = gradients();
        const Counted counted;
        MemoryReserve reserve(device.type);
        Replay replay(device);
        for (int i = 0; i < 5; ++i) {
            replay.run([&](const Context&) {
                const MemoryReserve::Use use(reserve);
                backward();
            });
            CHECK(gradients() == wanted);
        }
        CHECK(replay.why_not() == "");
        // Five convolutions, and what two of the three that share weights add; each forks, and the branch is joined at the end at least.
        CHECK(forks > 7);
    }
}

TEST_CASE("device step: a branch keeps what it captured until it is joined") {
    const Device device = place().device;
    const auto there = std::make_shared<int>(1);
    std::vector<long> uses;
    const auto body = [&](const Context&) {
        Branch branch(device);
        for (int i = 0; i < 3; ++i) branch.run([there](const Context&) {});
        uses.push_back(there.use_count());
        branch.join(1);
        uses.push_back(there.use_count());
        branch.join();
        uses.push_back(there.use_count());
    };
    Replay replay(device);
    for (int i = 0; i < 3; ++i) replay.run(body);
    CHECK(replay.as_one());
    CHECK(uses == std::vector<long>{1, 1, 1, 4, 2, 1});
    Branch on_host(Device{});
    CHECK(!on_host.parallel());
}

}  // namespace purnet::test
