// What convolutions move and which turns of shared memory they take, each way that they have (kernels/conv2d/conv2d_ways.h).
#include "tests/emulator/costs_convolutions.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};
constexpr Pass passes[] = {Pass::forward, Pass::backward_data, Pass::backward_weights};

template <class T>
void check_kernels(const std::vector<Kernel>& kernels) {
    for (const Kernel& kernel : kernels)
        for (const Pass pass : passes) {
            const Problem& p = kernel.columns == 64 ? whole : wide;
            check_way<T>(p, pass, kernel, expected(p, pass, kernel));
            if (kernel.rows == 64 && (kernel.by_threads || pass != Pass::backward_data))  // wgmma has no data gradient of steps
                check_way<T>(halved, pass, kernel, expected(halved, pass, kernel));
        }
}

struct OnDevice {
    explicit OnDevice(int device) { emulator::device_index() = device; }
    ~OnDevice() { emulator::device_index() = 0; }
};

}  // namespace

// A thread that loads nothing at the border steps over the load, and the monitor, which pairs the k-th load of each lane, then takes
// two of different steps for one request: a little fewer than there are. Where the sum lies along the lines of both operands their chunks
// are written down the columns of a tile, in pairs (conv2d_tile.h); of the data gradient one's, of the weight gradient none's.
TEST_CASE("costs: convolutions in float32 on ordinary cores") {
    check_kernels<float>({{"tiles 64x64", 64, 64, 0, 1, {2, 2, 1}, true, 0.01}});
}

// Copies of nothing at the border: no lane steps over one.
TEST_CASE("costs: convolutions in TF32") {
    check_kernels<float>({{"tf32 64x64", 64, 64, 0, 1, {1, 1, 1}}, {"tf32 128x128", 128, 128, 0, 1, {1, 1, 1}}});
}

// A row of a fragment is 16 bytes of the result in bf16, half a sector, and 32 of a gradient in float32.
TEST_CASE("costs: convolutions by mma") {
    check_kernels<bf16>(
        {{"mma 64x64", 64, 64, 1, 2, {1, 1, 1}}, {"mma 128x64", 128, 64, 1, 2, {1, 1, 1}}, {"mma 128x128", 128, 128, 1, 2, {1, 1, 1}}});
}

// The copy engine brings the operands; threads write the result, as those of mma do.
TEST_CASE("costs: convolutions by wgmma") {
    check_kernels<bf16>({{"wgmma 64x64", 64, 64, 0, 2, {1, 1, 1}, false},
                         {"wgmma 128x64", 128, 64, 0, 2, {1, 1, 1}, false},
                         {"wgmma 128x128", 128, 128, 0, 2, {1, 1, 1}, false}});
}

// Sums in parts go to the workspace and are read again by whole sectors.
TEST_CASE("costs: convolutions in parts") {
    const auto check = [](auto element, const Kernel& kernel) {
        check_way<decltype(element)>(halved, Pass::forward, kernel, expected(halved, Pass::forward, kernel));
    };
    check(float(), {"tiles 64x64 in 2 parts", 64, 64, 0, 1, {2}, true, 0.01});
    check(bf16(), {"mma 64x64 in 2 parts", 64, 64, 1, 2, {1}});
    check(bf16(), {"wgmma 64x64 in 2 parts", 64, 64, 0, 2, {1}, false});
}

// Its data gradient is the forward of a convolution, its forward the data gradient: from 8 x 8 to 16 x 16, 4 x 4 taps in steps of two.
TEST_CASE("costs: transposed convolutions") {
    const conv_transpose2d::Problem p{
        .n = 1, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 16, .out_w = 16};
    const auto check = [&](const Key twin, const Kernel& kernel) {
        const OnDevice on(kernel.device);
        Kernel by_threads = kernel;  // data gradients of steps are, on every device
        by_threads.by_threads = true;
        for (const Pass pass : passes) {
            const Pass of_adjoint = pass == Pass::forward         ? Pass::backward_data
                                    : pass == Pass::backward_data ? Pass::forward
                                                                  : Pass::backward_weights;
            // As the adjoint calls them: what is enlarged is its y.
            Arrays arrays;
            void* x = arrays.add("y", static_cast<size_t>(p.x_count()) * size_of(twin.dtype));
            void* y = arrays.add("x", static_cast<size_t>(p.y_count()) * size_of(twin.dtype));
            void* weight = arrays.add(
                "weight", static_cast<size_t>(p.weight_count()) * (pass == Pass::backward_weights ? sizeof(float) : size_of(twin.dtype)));
            const DeviceArray<char> workspace(conv_transpose2d::workspace(twin, p, pass) + 16);
            const conv_transpose2d::Kernels& kernels = *conv_transpose2d::table().find(twin);
            arrays.check(
                concat("transposed convolution, pass ", static_cast<int>(pass), ", ", name_of(twin.dtype), " on device ", kernel.device),
                expected(conv_transpose2d::adjoint(p), of_adjoint, pass == Pass::forward ? by_threads : kernel), [&] {
                    if (pass == Pass::forward) kernels.forward(p, x, weight, nullptr, y, workspace.get(), on_device);
                    if (pass == Pass::backward_data) kernels.backward_data(p, y, weight, x, workspace.get(), on_device);
                    if (pass == Pass::backward_weights) kernels.backward_weights(p, x, y, weight, nullptr, workspace.get(), on_device);
                });
        }
    };
    check({DeviceType::cuda, DType::f32}, {"", 64, 64, 0, 1, {2, 2, 1}, true, 0.01});
    check({DeviceType::cuda, DType::bf16}, {"", 64, 64, 1, 2, {1, 1, 1}});
    check({DeviceType::cuda, DType::bf16}, {"", 64, 64, 0, 2, {1, 1, 1}, false});
}

// From 10 x 10 to 8 x 8 pixels of 64 channels, so that only the data gradient meets a border. Weights lie channel by channel: their way
// into shared memory, once a block, ends in a bank for each channel and so takes as many turns as there are taps, and of their gradient,
// once a launch, each of 32 lanes writes into sectors of its own, 8 for each ideal one. Sums of gradients go to shared memory as those of
// columns do (costs_records_test.cpp). The weights that multiply are vectors in nvcc's code (ld.shared.v4), in the source elements, a
// vector apart: two lanes on a bank in bf16, and at a border those of different taps.
TEST_CASE("costs: depthwise convolutions") {
    const Problem p{.n = 1, .h = 10, .w = 10, .c = 64, .o = 64, .kh = 3, .kw = 3, .groups = 64};
    const double pairs = 8 * 8 * 9;
    const auto check = [&](auto element, double apart) {
        using T = decltype(element);
        const Kernel kernel{"depthwise", 0, 0, 0, 1, {}};
        const auto writes = [](double turns) { return std::vector<Apart>{{"conv2d_depthwise.cu", true, turns}}; };
        check_way<T>(p, Pass::forward, kernel, {{{"x", pairs / 100}, {"weight", 1}, {"y", 0, 1}}, 1, apart / 4, 0, writes(9)});
        check_way<T>(p, Pass::backward_data, kernel, {{{"y", pairs / 64}, {"weight", 1}, {"x", 0, 1}}, 1, any, 0.1, writes(9)});
        Problem padded = p;  // to 12 x 12: the gradient of a pixel has all taps
        padded.pads = {2, 2, 2, 2};
        check_way<T>(padded, Pass::backward_data, kernel, {{{"y", 900.0 / 144}, {"weight", 1}, {"x", 0, 1}}, 1, apart / 4, 0, writes(9)});
        check_way<T>(p, Pass::backward_weights, kernel, {{{"x", pairs / 100}, {"y", 3}, {"weight", 0, 8}}, 8, 1, 0, writes(apart)});
    };
    check(float(), 4);
    check(bf16(), 8);
}

}  // namespace purnet::test
#endif
