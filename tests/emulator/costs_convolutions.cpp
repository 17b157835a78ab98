#include "tests/emulator/costs_convolutions.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/runtime/choices.h"

namespace purnet::test {

using conv2d::Pass;
using conv2d::Problem;

namespace {

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};

bool in_tf32(const Kernel& kernel) { return kernel.way.rfind("tf32", 0) == 0; }

// Pairs of an output and a tap along one axis whose input lies in the picture.
int64_t inside(int64_t in, int64_t out, int64_t taps, int stride, int pad, int dilation) {
    int64_t count = 0;
    for (int64_t p = 0; p < out; ++p)
        for (int64_t k = 0; k < taps; ++k) {
            const int64_t at = p * stride - pad + k * dilation;
            count += at >= 0 && at < in;
        }
    return count;
}

}  // namespace

Movement expected(const Problem& p, Pass pass, const Kernel& kernel) {
    const double pairs = static_cast<double>(p.n * inside(p.h, p.out_h(), p.kh, p.stride, p.pads.top, p.dilation) *
                                             inside(p.w, p.out_w(), p.kw, p.stride, p.pads.left, p.dilation));
    const int64_t pixels_in = p.n * p.h * p.w, pixels_out = p.n * p.out_h() * p.out_w(), taps = p.kh * p.kw;
    const double read = kernel.by_threads ? 1 : 0;
    Movement m;
    if (pass == Pass::forward)
        m.arrays = {{"x", read * pairs / static_cast<double>(pixels_in) * tiles(p.o, kernel.columns), 0},
                    {"weight", read * tiles(pixels_out, kernel.rows), 0},
                    {"y", 0, kernel.sectors}};
    if (pass == Pass::backward_data)  // each phase has the taps that meet it
        m.arrays = {{"y", read * pairs / static_cast<double>(pixels_out) * tiles(p.c, kernel.columns), 0},
                    {"weight", read * tiles(pixels_in / (p.stride * p.stride), kernel.rows), 0},
                    {"x", 0, kernel.sectors}};
    if (pass == Pass::backward_weights)
        m.arrays = {{"x", read * pairs / static_cast<double>(pixels_in) * tiles(p.o, kernel.rows), 0},
                    {"y", read * tiles(taps * p.c, kernel.columns), 0},
                    {"weight", 0, 1}};
    m.sectors = pass == Pass::backward_weights ? 1 : kernel.sectors;
    m.turns = kernel.turns[static_cast<int>(pass)];
    m.slack = kernel.slack;
    return m;
}

Taken::Taken(const Kernel& kernel, DType dtype, const Problem& p, Pass pass) : tf32_(in_tf32(kernel)) {
    emulator::device_index() = kernel.device;
    const std::string key = conv2d::key_of(p, pass), type(in_tf32(kernel) ? "tf32" : name_of(dtype));
    choices::know({{concat("cuda ", type, " ", key), kernel.way}});
    const conv2d::implicit::Way way =
        dtype == DType::bf16 ? conv2d::implicit::way_of<bf16>(p, pass) : conv2d::implicit::way_of<float>(p, pass);
    REQUIRE_MESSAGE(way.name == kernel.way, key, " by ", way.name, ", not ", kernel.way);
    what_ = concat(kernel.way, " on device ", kernel.device, ", ", type, " ", key);
}

Taken::~Taken() {
    emulator::device_index() = 0;
    choices::know({});
}

template <class T>
void check_way(const Problem& p, Pass pass, const Kernel& kernel, const Movement& movement) {
    const Taken taken(kernel, dtype_of<T>, p, pass);
    const Key twin{DeviceType::cuda, dtype_of<T>};
    const bool weights = pass == Pass::backward_weights;
    Arrays arrays;
    void* x = arrays.add("x", static_cast<size_t>(p.x_count()) * sizeof(T));
    void* y = arrays.add("y", static_cast<size_t>(p.y_count()) * sizeof(T));
    void* weight = arrays.add("weight", static_cast<size_t>(p.weight_count()) * (weights ? sizeof(float) : sizeof(T)));
    const DeviceArray<char> workspace(conv2d::workspace(twin, p, pass) + 16);
    const conv2d::Kernels& kernels = *conv2d::table().find(twin);
    arrays.check(taken.what(), movement, [&] {
        if (pass == Pass::forward) kernels.forward(p, x, weight, nullptr, y, workspace.get(), on_device);
        if (pass == Pass::backward_data) kernels.backward_data(p, y, weight, x, workspace.get(), on_device);
        if (weights) kernels.backward_weights(p, x, y, weight, nullptr, workspace.get(), on_device);
    });
}

template void check_way<float>(const Problem&, Pass, const Kernel&, const Movement&);
template void check_way<bf16>(const Problem&, Pass, const Kernel&, const Movement&);

}  // namespace purnet::test
#endif
