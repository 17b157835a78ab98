// What convolutions move and which turns of shared memory they take, each way that they have (kernels/conv2d/conv2d_ways.h).
#include "tests/emulator/costs.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_runs.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};

// A way, and what it takes.
struct Kernel {
    std::string way;
    int rows, columns;       // its tile
    int device;              // 0: compute capability 9.0, 1: 8.0
    double sectors;          // of the result, for each of its own
    double turns[3];         // of the worst place in shared memory, for each ideal one: forward, data gradient, weight gradient
    bool by_threads = true;  // not by the copy engine, which is not counted
    double slack = 0;
};

double tiles(int64_t size, int64_t tile) { return static_cast<double>((size + tile - 1) / tile); }

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

// A is read once for each column of tiles, B once for each row of tiles (conv2d_products.h), but for what lies outside of the picture.
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

struct Forgotten {
    ~Forgotten() {
        emulator::device_index() = 0;
        choices::know({});
    }
};

// The pass of p by the way of that name.
template <class T>
void check_way(const Problem& p, Pass pass, const Kernel& kernel, const Movement& movement, bool moments = false) {
    const Forgotten forget;
    emulator::device_index() = kernel.device;
    const std::string key = conv2d::key_of(p, pass);
    const std::string type = kernel.way.rfind("tf32", 0) == 0 ? "tf32" : std::string(name_of(dtype_of<T>));
    choices::know({{concat("cuda ", type, " ", key), kernel.way}});
    const AllowTf32 tf32(type == "tf32");
    const std::string taken = conv2d::implicit::way_of<T>(p, pass).name;
    REQUIRE_MESSAGE(taken == kernel.way, key, " by ", taken, ", not ", kernel.way);
    const Key twin{DeviceType::cuda, dtype_of<T>};
    const bool weights = pass == Pass::backward_weights;
    Arrays arrays;
    void* x = arrays.add("x", static_cast<size_t>(p.x_count()) * sizeof(T));
    void* y = arrays.add("y", static_cast<size_t>(p.y_count()) * sizeof(T));
    void* weight = arrays.add("weight", static_cast<size_t>(p.weight_count()) * (weights ? sizeof(float) : sizeof(T)));
    const DeviceArray<char> workspace(conv2d::workspace(twin, p, pass) + 16);
    void* of_result =
        moments
            ? arrays.add("moments", static_cast<size_t>(3 * batch_norm::moment_parts(p.n * p.out_h() * p.out_w()) * p.o) * sizeof(float))
            : nullptr;
    const conv2d::Kernels& kernels = *conv2d::table().find(twin);
    arrays.check(concat(kernel.way, " on device ", kernel.device, ", ", type, " ", key), movement, [&] {
        if (moments) return kernels.forward_moments(p, x, weight, nullptr, y, of_result, workspace.get(), on_device);
        if (pass == Pass::forward) kernels.forward(p, x, weight, nullptr, y, workspace.get(), on_device);
        if (pass == Pass::backward_data) kernels.backward_data(p, y, weight, x, workspace.get(), on_device);
        if (weights) kernels.backward_weights(p, x, y, weight, nullptr, workspace.get(), on_device);
    });
}

constexpr Pass passes[] = {Pass::forward, Pass::backward_data, Pass::backward_weights};

// Two rows and one or two columns of 64 and a picture with borders; columns of 128; with steps of two, one row of 64.
const Problem whole{.n = 2, .h = 8, .w = 8, .c = 64, .o = 128, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
const Problem wide{.n = 2, .h = 8, .w = 8, .c = 128, .o = 128, .pads = {0, 0, 0, 0}};
const Problem halved{.n = 2, .h = 16, .w = 8, .c = 64, .o = 64, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}};

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

// Sectors of the rows of x that windows of one channel cover, each row for itself; of as many as x has.
double window_rows(const Problem& p, int64_t element) {
    double touched = 0;
    for (int64_t q = 0; q < p.out_w(); ++q) {
        const int64_t begin = q * p.stride * element, end = begin + p.kw * element;
        touched += static_cast<double>((end - 1) / 32 - begin / 32 + 1);
    }
    return touched * static_cast<double>(p.n * p.out_h() * p.kh * 32) / static_cast<double>(p.x_count() * element);
}

// Of runs (conv2d_runs.h), a picture in bf16: a warp takes 64 elements of the sum of one pixel, those of two to four rows of taps.
double run_sectors(const Problem& p) {
    const conv2d::implicit::Runs runs = conv2d::implicit::runs_of(p);
    double touched = 0;
    for (int64_t pixel = 0; pixel < p.n * p.out_h() * p.out_w(); ++pixel) {
        const int64_t q = pixel % p.out_w(), line = pixel / p.out_w(), n = line / p.out_h();
        for (int64_t first = 0; first < p.kh * runs.length; first += 64) {
            std::set<int64_t> sectors;
            for (int64_t e = first; e < std::min(first + 64, p.kh * runs.length); ++e) {
                const int64_t row = line % p.out_h() * p.stride - p.pads.top + e / runs.length;
                const int64_t at = (q * p.stride - p.pads.left) * p.c - runs.lead + e % runs.length;
                if (row >= 0 && row < p.h && at >= 0 && at < p.w * p.c) sectors.insert(((n * p.h + row) * p.w * p.c + at) / 16);
            }
            touched += static_cast<double>(sectors.size());
        }
    }
    return touched / std::ceil(static_cast<double>(p.x_count()) / 16);
}

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

// The stem, whose weights and their gradient are taken element by element, where the monitor mixes requests of lanes that have a tap's
// element with those that have none; a gradient of a head's weights, whose dy is.
TEST_CASE("costs: convolutions by mma whose channels do not come in eights") {
    const Problem stem{.n = 1, .h = 16, .w = 16, .c = 3, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const double x = run_sectors(stem);
    const Kernel runs{"runs 64x64", 64, 64, 1, 2, {}};
    check_way<bf16>(stem, Pass::forward, runs, {{{"x", x}, {"weight", any}, {"y", 0, 2}}, any, any});
    check_way<bf16>(stem, Pass::backward_weights, runs, {{{"x", x}, {"y", std::ceil(7 * 22 / 64.0)}, {"weight", 0, any}}, any, 1});
    const Problem head{.n = 1, .h = 8, .w = 8, .c = 64, .o = 9};
    check_way<bf16>(head, Pass::backward_weights, {"mma 64x64", 64, 64, 1, 2, {}}, {{{"x", 1}, {"y", any}, {"weight", 0, 1}}, any, 1});
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

// Once a tile, sums meet in shared memory. Of a warp of matrix instructions the sum of a column's differences and that of their squares go
// at once, 64 words apart: two turns. Threads of ordinary cores own four columns each, so that the 32 lanes' elements of one index lie on 8
// banks: four.
TEST_CASE("costs: convolutions with moments of their result write these once") {
    const auto check = [](auto element, const Kernel& kernel, double turns) {
        Movement movement = expected(whole, Pass::forward, kernel);
        movement.arrays.push_back({"moments", 0, 1});
        movement.turns = turns;
        check_way<decltype(element)>(whole, Pass::forward, kernel, movement, true);
    };
    check(float(), {"tiles 64x64", 64, 64, 0, 1, {2}, true, 0.01}, 4);
    check(float(), {"tf32 64x64", 64, 64, 0, 1, {1}}, 2);
    check(bf16(), {"mma 64x64", 64, 64, 1, 2, {1}}, 2);
    check(bf16(), {"wgmma 64x64", 64, 64, 0, 2, {1}, false}, 2);
}

// Its data gradient is the forward of a convolution, its forward the data gradient: from 8 x 8 to 16 x 16, 4 x 4 taps in steps of two.
TEST_CASE("costs: transposed convolutions") {
    const conv_transpose2d::Problem p{
        .n = 1, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 16, .out_w = 16};
    const auto check = [&](const Key twin, const Kernel& kernel) {
        const Forgotten forget;
        emulator::device_index() = kernel.device;
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
// vector apart: two lanes on a bank in bf16, which is less than the taps' turns.
TEST_CASE("costs: depthwise convolutions") {
    const Problem p{.n = 1, .h = 10, .w = 10, .c = 64, .o = 64, .kh = 3, .kw = 3, .groups = 64};
    const double pairs = 8 * 8 * 9;
    const auto check = [&](auto element, double apart) {
        using T = decltype(element);
        const Kernel kernel{"depthwise", 0, 0, 0, 1, {9, 9, apart}};
        check_way<T>(p, Pass::forward, kernel, {{{"x", pairs / 100}, {"weight", 1}, {"y", 0, 1}}, 1, 9});
        check_way<T>(p, Pass::backward_data, kernel, {{{"y", pairs / 64}, {"weight", 1}, {"x", 0, 1}}, 1, 9, 0.1});
        check_way<T>(p, Pass::backward_weights, kernel, {{{"x", pairs / 100}, {"y", 3}, {"weight", 0, 8}}, 8, apart});
    };
    check(float(), 4);
    check(bf16(), 8);
}

// Eight rows of eight taps: a warp has four of these rows, each for itself.
TEST_CASE("costs: convolutions from one channel to one") {
    const Problem p{.n = 1, .h = 32, .w = 32, .kh = 8, .kw = 8, .stride = 4};
    const auto check = [&](auto element) {
        using T = decltype(element);
        const Kernel kernel{"single", 0, 0, 0, 1, {0, 0, 1}};
        const double rows = window_rows(p, sizeof(T));
        check_way<T>(p, Pass::forward, kernel, {{{"x", rows}, {"weight", any}}, any});
        check_way<T>(p, Pass::backward_data, kernel, {{{"x", 0, 1}, {"weight", any}}, any});
        check_way<T>(p, Pass::backward_weights, kernel, {{{"x", rows}, {"weight", 0, 1}}, any, 1});
    };
    check(float());
    check(bf16());
}

}  // namespace purnet::test
#endif
