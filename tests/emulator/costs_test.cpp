// What the hot kernels ask of memory, as counted by the monitor.
#include "tests/emulator/engine/monitor.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include "kernels/add/add.h"
#include "kernels/conv2d/conv2d.h"
#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

namespace monitor = emulator::monitor;

struct Worst {
    double read = 0, write = 0;
};

Worst worst(const std::vector<monitor::AccessCost>& costs, bool shared) {
    Worst w;
    for (const auto& cost : costs)
        if (cost.shared == shared) (cost.write ? w.write : w.read) = std::max(cost.write ? w.write : w.read, cost.ratio());
    return w;
}

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};

// On a device of compute capability 8.0 (1) or 9.0 (0).
template <class T>
std::vector<monitor::AccessCost> costs_of_forward(const conv2d::Problem& p, int device) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const DeviceArray<T> x(std::vector<T>(static_cast<size_t>(p.x_count()))), weight(std::vector<T>(static_cast<size_t>(p.weight_count())));
    const DeviceArray<T> y(static_cast<size_t>(p.y_count()));
    const DeviceArray<char> workspace(conv2d::workspace(key, p, conv2d::Pass::forward) + 16);
    emulator::device_index() = device;
    monitor::begin_counting();
    conv2d::table().get(&conv2d::Kernels::forward, "forward", key)(p, x.get(), weight.get(), nullptr, y.get(), workspace.get(), on_device);
    emulator::device_index() = 0;
    return monitor::end_counting();
}

}  // namespace

TEST_CASE("costs: elementwise kernels move whole sectors") {
    const DeviceArray<float> a(std::vector<float>(4096, 1.0f)), b(std::vector<float>(4096, 2.0f)), y(4096);
    monitor::begin_counting();
    add::table().get(&add::Kernels::forward, "forward", {DeviceType::cuda, DType::f32})(4096, a.get(), b.get(), y.get(), on_device);
    const Worst global = worst(monitor::end_counting(), false);
    CHECK(global.read == 1.0);
    CHECK(global.write == 1.0);
    CHECK(y[4095] == 3.0f);
}

TEST_CASE("costs: convolution on tensor cores reads whole sectors and meets no bank conflict") {
    const auto costs = costs_of_forward<bf16>({.n = 1, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, 1);
    const Worst shared = worst(costs, true), global = worst(costs, false);
    CHECK(shared.read == 1.0);
    CHECK(shared.write == 1.0);
    CHECK(global.read == 1.0);
    CHECK(global.write <= 2.0);  // a fragment's row is 16 bytes, half a sector
}

TEST_CASE("costs: threads of the convolution for sm_90a read no operand") {
    const auto costs = costs_of_forward<bf16>({.n = 1, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 1, .kw = 1}, 0);
    const Worst shared = worst(costs, true), global = worst(costs, false);
    CHECK(shared.read == 1.0);  // mbarriers
    CHECK(global.read == 0.0);
    CHECK(global.write <= 2.0);
}

TEST_CASE("costs: convolution in float32 reads tiles without a conflict and writes them in pairs at most") {
    const auto costs = costs_of_forward<float>({.n = 1, .h = 8, .w = 8, .c = 16, .o = 64, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, 1);
    const Worst shared = worst(costs, true), global = worst(costs, false);
    CHECK(shared.read == 1.0);
    CHECK(shared.write <= 2.0);
    CHECK(global.read == 1.0);
    CHECK(global.write == 1.0);
}

}  // namespace purnet::test
#endif
