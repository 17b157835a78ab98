// Every way of a convolution on a CUDA device computes the same, and what choices say is what runs.
#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/memory.h"
#include "tests/device/place.h"
#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using conv2d::implicit::Way;

struct Forgotten {
    ~Forgotten() {
        choices::measure(false);
        choices::know({});
    }
};

// Mostly zeros, so that sums are integers of bf16.
template <class T>
std::vector<T> sparse(int64_t count, int64_t seed) {
    std::vector<T> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) {
        const size_t bits = (i + static_cast<size_t>(seed)) * 0x9e3779b97f4a7c15ull >> 40;
        values[i] = T(bits % 5 ? 0.0f : static_cast<float>(static_cast<int>(bits / 5 % 3) - 1));
    }
    return values;
}

// In passing: with the moments of a forward, the sums over a data gradient.
template <class T>
std::vector<float> run(const Problem& p, Pass pass, bool in_passing = false) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const Context context{place().device, nullptr};
    const DeviceArray<T> x(sparse<T>(p.x_count(), 1)), weight(sparse<T>(p.weight_count(), 2)), y(sparse<T>(p.y_count(), 3));
    const Block scratch(context.device, conv2d::workspace(key, p, pass));
    const auto floats = [](const auto& values, int64_t count) {
        std::vector<float> list;
        for (int64_t i = 0; i < count; ++i) list.push_back(static_cast<float>(values[static_cast<size_t>(i)]));
        return list;
    };
    const Table<conv2d::Kernels>& table = conv2d::table();
    if (pass == Pass::forward) {
        const DeviceArray<T> out(static_cast<size_t>(p.y_count()));
        if (!in_passing) {
            table.get(&conv2d::Kernels::forward, "forward", key)(p, x.get(), weight.get(), nullptr, out.get(), scratch.data(), context);
            return floats(out, p.y_count());
        }
        const int64_t count = 3 * batch_norm::moment_parts(p.n * p.out_h() * p.out_w()) * p.o;
        const DeviceArray<float> made(static_cast<size_t>(count));
        table.get(&conv2d::Kernels::forward_moments, "forward_moments", key)(p, x.get(), weight.get(), nullptr, out.get(), made.get(),
                                                                             scratch.data(), context);
        std::vector<float> all = floats(out, p.y_count());
        for (int64_t i = 0; i < count; ++i) all.push_back(made[static_cast<size_t>(i)]);
        return all;
    }
    if (pass == Pass::backward_data) {
        const DeviceArray<T> out(static_cast<size_t>(p.x_count()));
        if (in_passing) {
            const DeviceArray<float> beta(sparse<float>(p.c, 4)), mean(sparse<float>(p.c, 5)), slope(std::vector<float>{-2}),
                positive(std::vector<float>(static_cast<size_t>(p.c), 2));
            const int64_t count = 3 * batch_norm::moment_parts(p.n * p.h * p.w) * p.c;
            const DeviceArray<float> made(static_cast<size_t>(count));
            table.get(&conv2d::Kernels::backward_data_sums, "backward_data_sums", key)(
                p, y.get(), weight.get(), {Activation::prelu, x.get(), positive.get(), beta.get(), mean.get(), positive.get(), slope.get()},
                out.get(), made.get(), scratch.data(), context);
            std::vector<float> all = floats(out, p.x_count());
            for (int64_t i = 0; i < count; ++i) all.push_back(made[static_cast<size_t>(i)]);
            return all;
        }
        table.get(&conv2d::Kernels::backward_data, "backward_data", key)(p, y.get(), weight.get(), out.get(), scratch.data(), context);
        return floats(out, p.x_count());
    }
    const DeviceArray<float> out(static_cast<size_t>(p.weight_count()));
    table.get(&conv2d::Kernels::backward_weights, "backward_weights", key)(p, x.get(), y.get(), out.get(), nullptr, scratch.data(),
                                                                           context);
    return floats(out, p.weight_count());
}

template <class T>
void check_ways(const Problem& p, Pass pass, size_t least, bool in_passing = false) {
    const std::vector<Way> ways = conv2d::implicit::ways<T>(p, pass);
    CHECK(ways.size() >= least);
    choices::know({});
    const std::vector<float> plain = run<T>(p, pass, in_passing);
    CHECK(std::count(plain.begin(), plain.end(), 0.0f) < static_cast<int64_t>(plain.size()));

    // Measured once, by the first that needs it.
    choices::measure(true);
    CHECK(run<T>(p, pass, in_passing) == plain);
    choices::measure(false);
    const choices::Known known = choices::known();
    REQUIRE(known.size() == 1);
    const auto named = [&](const std::string& name) {
        return std::count_if(ways.begin(), ways.end(), [&](const Way& way) { return way.name == name; });
    };
    CHECK(named(known.begin()->second) == 1);

    for (const Way& way : ways) {
        INFO(way.name);
        CHECK(named(way.name) == 1);
        choices::know({{known.begin()->first, way.name}});
        CHECK(conv2d::implicit::way_of<T>(p, pass).name == way.name);
        CHECK(run<T>(p, pass, in_passing) == plain);
    }
    choices::know({{known.begin()->first, "no such way"}});
    CHECK(conv2d::implicit::way_of<T>(p, pass).name == ways.front().name);
}

}  // namespace

TEST_CASE("ways: every one of a convolution computes the same, measured, told or estimated") {
    const Forgotten forget;
    place();
    const Problem p{.h = 9, .w = 8, .c = 32, .o = 72, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
    check_ways<float>(p, Pass::forward, 2);
    check_ways<float>(p, Pass::backward_data, 2);
    check_ways<bf16>(p, Pass::forward, 6);  // wgmma with three tiles and mma with three, in parts or not
    check_ways<float>(p, Pass::forward, 2, true);
    check_ways<bf16>(p, Pass::forward, 6, true);
    check_ways<bf16>(p, Pass::backward_data, 4);  // c is 32: no tile of 128 columns
    check_ways<float>(p, Pass::backward_data, 2, true);
    check_ways<bf16>({.h = 9, .w = 8, .c = 72, .o = 32, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, Pass::backward_data, 6, true);
    const Problem deep{.n = 3, .h = 12, .w = 10, .c = 8, .o = 16};
    check_ways<float>(deep, Pass::backward_weights, 2);
    check_ways<bf16>(deep, Pass::backward_weights, 2);
    const Problem wide{.n = 2, .h = 12, .w = 10, .c = 72, .o = 72};
    check_ways<bf16>(wide, Pass::backward_weights, 6);
    const Problem stem{.n = 2, .h = 21, .w = 20, .c = 3, .o = 72, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    check_ways<bf16>(stem, Pass::forward, 3);
    check_ways<bf16>(stem, Pass::forward, 3, true);
    check_ways<bf16>(stem, Pass::backward_weights, 3);
    const Problem head{.n = 3, .h = 12, .w = 10, .c = 72, .o = 9};
    check_ways<bf16>(head, Pass::backward_weights, 2);
    CHECK(conv2d::implicit::ways<bf16>(head, Pass::backward_weights).front().name.rfind("mma ", 0) == 0);
    CHECK(conv2d::implicit::ways<bf16>(stem, Pass::forward).front().name.rfind("runs ", 0) == 0);
    const Problem depthwise{.h = 5, .w = 5, .c = 8, .o = 8, .kh = 3, .kw = 3, .groups = 8};
    CHECK(conv2d::implicit::ways<float>(depthwise, Pass::forward).size() == 1);
}

TEST_CASE("ways: float32 on tensor cores, where it is allowed, beside the ordinary ones") {
    const Forgotten forget;
    place();
    const AllowTf32 tf32;
    const Problem p{.n = 2, .h = 9, .w = 8, .c = 68, .o = 72, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
    for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
        check_ways<float>(p, pass, pass == Pass::backward_weights ? 3 : 5);  // tiles of both sizes and ordinary ones, in parts or not
        CHECK(conv2d::implicit::ways<float>(p, pass).front().name.rfind("tf32 ", 0) == 0);
    }
    check_ways<float>(p, Pass::forward, 5, true);
    check_ways<float>(p, Pass::backward_data, 5, true);
    const Problem odd{.h = 5, .w = 4, .c = 6, .o = 8};
    CHECK(conv2d::implicit::ways<float>(odd, Pass::forward).front().name.rfind("tiles ", 0) == 0);
}

}  // namespace purnet::test
