// What convolutions move that do more than one thing, or several of which are one launch: with sums of their result in passing, merged,
// as the layers of kernels/linear.
#include "tests/emulator/costs_convolutions.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/linear/linear.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};

const Kernel tile_64{"tiles 64x64", 64, 64, 0, 1, {2, 2, 1}, true, 0.01}, tf32_64{"tf32 64x64", 64, 64, 0, 1, {1, 1, 1}},
    tf32_128{"tf32 128x128", 128, 128, 0, 1, {1, 1, 1}}, mma_64{"mma 64x64", 64, 64, 1, 2, {1, 1, 1}},
    mma_128{"mma 128x128", 128, 128, 1, 2, {1, 1, 1}}, wgmma_64{"wgmma 64x64", 64, 64, 0, 2, {1, 1, 1}, false},
    wgmma_128{"wgmma 128x128", 128, 128, 0, 2, {1, 1, 1}, false};

// Two rows and one or two columns of tiles, of one tap: borders and taps are those of launches of one thing (costs_convolutions_test.cpp).
const Problem narrow{.n = 2, .h = 8, .w = 8, .c = 64, .o = 128};
const Problem& problem_of(const Kernel& kernel) { return kernel.columns == 64 ? narrow : wide; }

size_t sums_bytes(int64_t rows, int64_t channels) {
    return static_cast<size_t>(3 * batch_norm::moment_parts(rows) * channels) * sizeof(float);
}

}  // namespace

// Once a tile, sums meet in shared memory. Of a warp of matrix instructions the sum of a column's differences and that of their squares go
// at once, 64 words apart: two turns. Threads of ordinary cores own four columns each, 16 of them a row, so that the elements of one index
// lie on 8 banks: four turns for the sums of two rows of threads, two for the shifts, which both rows read.
TEST_CASE("costs: convolutions with moments of their result write these once") {
    const auto check = [](auto element, const Kernel& kernel, const std::vector<Apart>& apart) {
        using T = decltype(element);
        const Problem& p = whole;
        const Taken taken(kernel, dtype_of<T>, p, Pass::forward);
        Movement movement = expected(p, Pass::forward, kernel);
        movement.arrays.push_back({"moments", 0, 1});
        movement.apart = apart;
        const Key twin{DeviceType::cuda, dtype_of<T>};
        Arrays arrays;
        void* x = arrays.add("x", static_cast<size_t>(p.x_count()) * sizeof(T));
        void* weight = arrays.add("weight", static_cast<size_t>(p.weight_count()) * sizeof(T));
        void* y = arrays.add("y", static_cast<size_t>(p.y_count()) * sizeof(T));
        void* moments = arrays.add("moments", sums_bytes(p.n * p.out_h() * p.out_w(), p.o));
        const DeviceArray<char> workspace(conv2d::workspace(twin, p, Pass::forward) + 16);
        arrays.check(concat(taken.what(), " with moments"), movement,
                     [&] { conv2d::table().find(twin)->forward_moments(p, x, weight, nullptr, y, moments, workspace.get(), on_device); });
    };
    const char* file = "conv2d_moments.h";
    check(float(), tile_64, {{file, true, 4}, {file, false, 2}});
    check(float(), tf32_64, {{file, true, 2}});
    check(bf16(), mma_64, {{file, true, 2}});
    check(bf16(), wgmma_64, {{file, true, 2}});
}

// The input of the batch norm is read once, beside each value of the result, in as many sectors as that; each row of tiles reads what the
// batch norm has of its columns once. Shared memory: where a warp multiplies, eight row lanes have the constants of one column and what a
// lane keeps lies in a bank of its own. Where a thread owns four columns, those of neighbouring lanes' constants, four words each, are 16
// words apart: of eight lanes four on the same banks. The 32 sums that go at once are of every other column of 64: two on a bank.
TEST_CASE("costs: data gradients with the sums of a batch norm read its input once") {
    const auto check = [](auto element, const Kernel& kernel, const std::vector<Apart>& apart) {
        using T = decltype(element);
        const Problem& p = problem_of(kernel);
        const Taken taken(kernel, dtype_of<T>, p, Pass::backward_data);
        const int64_t rows = p.n * p.h * p.w;
        Movement movement = expected(p, Pass::backward_data, kernel);
        movement.arrays.push_back({"sums", 0, 1});
        movement.arrays.push_back({"before", kernel.sectors, 0});
        movement.apart = apart;
        const Key twin{DeviceType::cuda, dtype_of<T>};
        Arrays arrays;
        void* dy = arrays.add("y", static_cast<size_t>(p.y_count()) * sizeof(T));
        void* weight = arrays.add("weight", static_cast<size_t>(p.weight_count()) * sizeof(T));
        void* dx = arrays.add("x", static_cast<size_t>(p.x_count()) * sizeof(T));
        void* sums = arrays.add("sums", sums_bytes(rows, p.c));
        const DeviceArray<float> slope(1);
        batch_norm::NormOperands norm{.activation = Activation::prelu, .slope = slope.get()};
        norm.x = arrays.add("before", static_cast<size_t>(p.x_count()) * sizeof(T));
        const auto parameter = [&](const char* name) {
            movement.arrays.push_back({name, tiles(rows, kernel.rows), 0});
            return arrays.add(name, static_cast<size_t>(p.c) * sizeof(float));
        };
        norm.gamma = parameter("gamma"), norm.beta = parameter("beta"), norm.mean = parameter("mean"), norm.inverse = parameter("inverse");
        const DeviceArray<char> workspace(conv2d::workspace(twin, p, Pass::backward_data) + 16);
        arrays.check(concat(taken.what(), " with sums"), movement,
                     [&] { conv2d::table().find(twin)->backward_data_sums(p, dy, weight, norm, dx, sums, workspace.get(), on_device); });
    };
    const char* file = "conv2d_norm_sums.h";
    check(float(), tile_64, {{file, true, 2}, {file, false, 4}});
    for (const Kernel& kernel : {tf32_64, tf32_128}) check(float(), kernel, {});
    for (const Kernel& kernel : {mma_64, mma_128, wgmma_64, wgmma_128}) check(bf16(), kernel, {});
}

// Two heads of one map, the second half as wide, with something that is added to it: blocks beyond its columns read nothing. Packed weights
// lie where the twin has them, and are what else is read.
TEST_CASE("costs: convolutions in one launch move what each would alone") {
    const auto check = [](auto element, const Kernel& kernel) {
        using T = decltype(element);
        const Problem p = problem_of(kernel);
        Problem half = p;
        half.o = p.o / 2;
        const Taken taken(kernel, dtype_of<T>, conv2d::implicit::as_one(p, 2), Pass::forward);
        Movement movement = expected(p, Pass::forward, kernel);
        const Movement second = expected(half, Pass::forward, kernel);
        const double weights = static_cast<double>((p.weight_count() + half.weight_count()) * static_cast<int64_t>(sizeof(T))) / 32;
        movement.elsewhere = movement.arrays[1].read * weights;  // once for each row of tiles, as of the second
        movement.arrays = {{"x", movement.arrays[0].read + second.arrays[0].read, 0},
                           {"y", 0, kernel.sectors},
                           {"second y", 0, kernel.sectors},
                           {"added", kernel.sectors, 0}};
        Arrays arrays;
        const auto add = [&](const char* name, int64_t count) { return arrays.add(name, static_cast<size_t>(count) * sizeof(T)); };
        const void* x = add("x", p.x_count());
        const conv2d::PackedOperands operands[] = {{x, nullptr, nullptr, add("y", p.y_count())},
                                                   {x, nullptr, add("added", half.y_count()), add("second y", half.y_count())}};
        const std::vector<float> zeros(static_cast<size_t>(p.weight_count()));
        const conv2d::Kernels& kernels = *conv2d::table().find({DeviceType::cuda, dtype_of<T>});
        const auto pack = [&](const Problem& one, bool after) {
            return std::shared_ptr<const conv2d::PackedConv>(kernels.pack(one, {.after = after}, zeros.data(), nullptr, on_device));
        };
        const std::vector<std::shared_ptr<const conv2d::PackedConv>> both{pack(p, false), pack(half, true)};
        const std::unique_ptr<conv2d::MergedConv> merged = both[0]->merge(both);
        REQUIRE(merged->method() == kernel.way);
        const DeviceArray<char> workspace(merged->workspace() + 16);
        arrays.check(concat("two, ", taken.what()), movement, [&] { merged->run(operands, workspace.get(), on_device); });
    };
    for (const Kernel& kernel : {tile_64, tf32_64, tf32_128}) check(float(), kernel);
    for (const Kernel& kernel : {mma_64, mma_128, wgmma_64, wgmma_128}) check(bf16(), kernel);
}

// As batch norm's sums (costs_records_test.cpp), of rows of 128 channels.
TEST_CASE("costs: gradients of biases read dy once") {
    const auto check = [](auto element, double apart) {
        using T = decltype(element);
        const Key twin{DeviceType::cuda, dtype_of<T>};
        Arrays arrays;
        void* y = arrays.add("y", static_cast<size_t>(narrow.y_count()) * sizeof(T));
        void* dbias = arrays.add("dbias", static_cast<size_t>(narrow.o) * sizeof(float));
        const DeviceArray<char> workspace(conv2d::workspace(twin, narrow, Pass::backward_weights) + 16);
        arrays.check(concat("gradient of a bias, ", name_of(dtype_of<T>)),
                     {{{"y", 1}, {"dbias", 0, 1}}, 1, 1, 0, {{"tile/columns.h", true, apart}}},
                     [&] { conv2d::table().find(twin)->backward_weights(narrow, nullptr, y, nullptr, dbias, workspace.get(), on_device); });
    };
    check(float(), 4);
    check(bf16(), 8);
}

// Rows are the pixels of one line under a kernel of one tap.
TEST_CASE("costs: linear layers move what convolutions do") {
    const auto check = [](auto element, const Kernel& kernel) {
        using T = decltype(element);
        const linear::Problem p{.n = 128, .i = 64, .o = 128};
        const Problem as_conv{.w = p.n, .c = p.i, .o = p.o};
        const Key twin{DeviceType::cuda, dtype_of<T>};
        for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
            const Taken taken(kernel, dtype_of<T>, as_conv, pass);
            Arrays arrays;
            void* x = arrays.add("x", static_cast<size_t>(p.n * p.i) * sizeof(T));
            void* y = arrays.add("y", static_cast<size_t>(p.n * p.o) * sizeof(T));
            void* weight = arrays.add("weight", static_cast<size_t>(p.o * p.i) * (pass == Pass::backward_weights ? 4 : sizeof(T)));
            const DeviceArray<char> workspace(linear::workspace(twin, p, pass) + 16);
            const linear::Kernels& kernels = *linear::table().find(twin);
            arrays.check(concat("linear, ", taken.what()), expected(as_conv, pass, kernel), [&] {
                if (pass == Pass::forward) kernels.forward(p, x, weight, nullptr, y, workspace.get(), on_device);
                if (pass == Pass::backward_data) kernels.backward_data(p, y, weight, x, workspace.get(), on_device);
                if (pass == Pass::backward_weights) kernels.backward_weights(p, x, y, weight, nullptr, workspace.get(), on_device);
            });
        }
    };
    for (const Kernel& kernel : {tile_64, tf32_64}) check(float(), kernel);
    for (const Kernel& kernel : {mma_64, wgmma_64}) check(bf16(), kernel);
}

}  // namespace purnet::test
#endif
