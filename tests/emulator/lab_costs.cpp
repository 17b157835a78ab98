#include "tests/emulator/lab_costs.h"

#include <cstdio>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/lab/lab.h"
#include "kernels/softmax/softmax.h"
#include "kernels/structural/structural.h"
#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::test {

#ifdef PURNET_EMULATOR_MONITOR
namespace {

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};

// Values in [-1, 1] that repeat after 61; the same for every rung.
template <class T>
std::vector<T> values(int64_t count) {
    std::vector<T> v(static_cast<size_t>(count));
    for (size_t i = 0; i < v.size(); ++i) v[i] = T(static_cast<float>(i * 17 % 61) / 30.0f - 1.0f);
    return v;
}

// 20 x 20 pixels of 128 channels.
void run_softmax() {
    const softmax::Problem p{1, 400, 128};
    const DeviceArray<float> x(values<float>(p.count())), y(static_cast<size_t>(p.count()));
    const DeviceArray<char> workspace(softmax::workspace_bytes(p) + 16);
    softmax::table().get(&softmax::Kernels::forward, "forward", {DeviceType::cuda, DType::f32})(p, x.get(), y.get(), workspace.get(),
                                                                                                on_device);
}

// 20 x 20 pixels of 64 channels, PReLU.
void run_batch_norm() {
    const batch_norm::Problem p{.rows = 400, .channels = 64, .activation = Activation::prelu};
    const DeviceArray<float> x(values<float>(400 * 64)), dy(values<float>(400 * 64)), dx(400 * 64);
    const DeviceArray<float> gamma(std::vector<float>(64, 1.0f)), beta(values<float>(64)), mean(values<float>(64));
    const DeviceArray<float> inverse(std::vector<float>(64, 1.5f)), slope(std::vector<float>{0.25f});
    const DeviceArray<float> dgamma(64), dbeta(64), dslope(1);
    const DeviceArray<char> workspace(batch_norm::backward_workspace(p) + 16);
    batch_norm::table().get(&batch_norm::Kernels::backward, "backward", {DeviceType::cuda, DType::f32})(
        p,
        {x.get(), gamma.get(), beta.get(), mean.get(), inverse.get(), slope.get(), nullptr, dy.get(), dx.get(), dgamma.get(), dbeta.get(),
         dslope.get(), nullptr, workspace.get()},
        on_device);
}

// 8 x 8 pixels, 64 to 64 channels, 3 x 3 with dilation 2.
template <class T>
void run_conv2d() {
    const conv2d::Problem p{.n = 1, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2};
    const Key key{DeviceType::cuda, dtype_of<T>};
    const DeviceArray<T> x(values<T>(p.x_count())), weight(values<T>(p.weight_count())), y(static_cast<size_t>(p.y_count()));
    const DeviceArray<char> workspace(conv2d::workspace(key, p, conv2d::Pass::forward) + 16);
    conv2d::table().get(&conv2d::Kernels::forward, "forward", key)(p, x.get(), weight.get(), nullptr, y.get(), workspace.get(), on_device);
}

// 8 x 8 to 16 x 16 pixels, 32 to 32 channels, 4 x 4 with stride 2.
void run_conv_transpose2d() {
    const conv_transpose2d::Problem p{
        .n = 1, .h = 8, .w = 8, .c = 32, .o = 32, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 16, .out_w = 16};
    const Key key{DeviceType::cuda, DType::f32};
    const DeviceArray<float> x(values<float>(p.x_count())), weight(values<float>(p.weight_count())), y(static_cast<size_t>(p.y_count()));
    const DeviceArray<char> workspace(conv_transpose2d::workspace(key, p, conv2d::Pass::forward) + 16);
    conv_transpose2d::table().get(&conv_transpose2d::Kernels::forward, "forward", key)(p, x.get(), weight.get(), nullptr, y.get(),
                                                                                       workspace.get(), on_device);
}

// 32 x 32 pixels in 64 squares.
void run_structural() {
    const structural::Problem p{.images = 1, .pixels = 1024};
    std::vector<int32_t> squares(1024);
    for (size_t i = 0; i < squares.size(); ++i) squares[i] = static_cast<int32_t>(i / 32 / 4 * 8 + i % 32 / 4);
    const DeviceArray<float> z(values<float>(1024)), g(std::vector<float>(1024, 1.0f)), loss(1), dz(1024);
    const DeviceArray<int32_t> labels(squares);
    const DeviceArray<char> workspace(structural::workspace_bytes(p) + 16);
    structural::table().get(&structural::Kernels::forward, "forward", {DeviceType::cuda, DType::f32})(
        p, z.get(), g.get(), labels.get(), loss.get(), dz.get(), workspace.get(), on_device);
}

void run(const std::string& op, DType type) {
    if (op == "softmax") return run_softmax();
    if (op == "batch_norm") return run_batch_norm();
    if (op == "conv2d") return type == DType::bf16 ? run_conv2d<bf16>() : run_conv2d<float>();
    if (op == "conv_transpose2d") return run_conv_transpose2d();
    if (op == "structural") return run_structural();
    fail("lab: no problem to count on for ", op);
}

}  // namespace

std::vector<RungCosts> count_lab() {
    std::vector<RungCosts> all;
    emulator::device_index() = 1;  // compute capability 8.0: the kernels that docs/kernels.md walks through
    for (const lab::Ladder& ladder : lab::ladders())
        for (const DType type : ladder.types)
            for (const lab::Rung& rung : ladder.rungs) {
                RungCosts costs{concat(ladder.op, " ", name_of(type)), rung.name, {}, {}, {}};
                const lab::Installed installed = rung.install(type);
                emulator::monitor::begin_counting();
                run(ladder.op, type);
                for (const auto& place : emulator::monitor::end_counting()) {
                    Traffic& traffic = place.shared ? costs.shared : place.write ? costs.write : costs.read;
                    traffic.requests += static_cast<double>(place.requests);
                    traffic.units += static_cast<double>(place.units);
                    traffic.ideal += static_cast<double>(place.ideal);
                }
                all.push_back(costs);
            }
    emulator::device_index() = 0;
    return all;
}
#else
std::vector<RungCosts> count_lab() { return {}; }
#endif

namespace {

std::string cells(const Traffic& t, bool global) {
    if (t.requests == 0) return global ? " - | - | - |" : " - | - |";
    char text[96];
    if (global)
        std::snprintf(text, sizeof text, " %.0f | %.1f | %.2f |", t.requests, t.units * 32 / 1024, t.units / t.ideal);
    else
        std::snprintf(text, sizeof text, " %.0f | %.2f |", t.units, t.units / t.ideal);
    return text;
}

}  // namespace

std::string table_of(const std::vector<RungCosts>& costs) {
    std::string text, ladder;
    for (const RungCosts& c : costs) {
        if (c.ladder != ladder) {
            text += (text.empty() ? "" : "\n") + ("| " + c.ladder) +
                    " | reads | KiB | x ideal | writes | KiB | x ideal | turns | x ideal |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
            ladder = c.ladder;
        }
        text += "| " + c.rung + " |" + cells(c.read, true) + cells(c.write, true) + cells(c.shared, false) + "\n";
    }
    return text;
}

std::string lab_costs() {
    const auto costs = count_lab();
    return costs.empty() ? "build/emulator_monitor_tests has the monitor that counts\n" : table_of(costs);
}

}  // namespace purnet::test
