// Every way of a convolution on this device, each forced in turn: the tiles of wgmma, of mma, of ordinary cores, sums in parts. On small
// integers, whose sums every order gives exactly: all ways have the same bits, and these are the formula's. On a GPU with layers of the
// networks in batches of 8, whose tiles no record is large enough for; emulated, the smallest problems that have every tile.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_layers.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/memory.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using conv2d::implicit::Way;

struct Forgotten {
    ~Forgotten() { choices::know({}); }
};

// -1, 0 and 1, two in fifteen of them not 0: sums of some thousand products stay below 256, and bf16 has all integers up to there.
template <class T>
std::vector<T> sparse(int64_t count, uint64_t seed) {
    std::vector<T> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) {
        uint64_t bits = (i + seed) * 0x9e3779b97f4a7c15ull;
        bits = (bits ^ bits >> 29) * 0xbf58476d1ce4e5b9ull >> 40;
        values[i] = T(bits % 5 ? 0.0f : static_cast<float>(static_cast<int>(bits / 5 % 3) - 1));
    }
    return values;
}

template <class T>
Block on(const Device& device, const std::vector<T>& values) {
    Block block(device, values.size() * sizeof(T));
    copy_bytes(block.data(), device, values.data(), Device{}, block.bytes());
    return block;
}

template <class T>
std::vector<T> from(const Block& block) {
    std::vector<T> values(block.bytes() / sizeof(T));
    copy_bytes(values.data(), Device{}, block.data(), block.device(), block.bytes());
    return values;
}

template <class T>
struct Operands {
    std::vector<T> x, weight, dy;
};

// y[n,q,r,o] = sum over taps and c of x[n, q s - top + ky d, r s - left + kx d, c] w[o,ky,kx,c], or its derivative, at one place.
template <class T>
double formula(const Problem& p, Pass pass, const Operands<T>& in, int64_t at) {
    const auto value = [](const std::vector<T>& v, int64_t i) {
        return static_cast<double>(static_cast<float>(v[static_cast<size_t>(i)]));
    };
    const auto x = [&](int64_t n, int64_t h, int64_t w, int64_t c) {
        return h < 0 || h >= p.h || w < 0 || w >= p.w ? 0.0 : value(in.x, ((n * p.h + h) * p.w + w) * p.c + c);
    };
    const auto dy = [&](int64_t n, int64_t q, int64_t r, int64_t o) {
        return value(in.dy, ((n * p.out_h() + q) * p.out_w() + r) * p.o + o);
    };
    const auto weight = [&](int64_t o, int64_t ky, int64_t kx, int64_t c) {
        return value(in.weight, ((o * p.kh + ky) * p.kw + kx) * p.c + c);
    };
    double sum = 0;
    if (pass == Pass::forward) {
        const int64_t o = at % p.o, r = at / p.o % p.out_w(), q = at / p.o / p.out_w() % p.out_h(), n = at / p.o / p.out_w() / p.out_h();
        for (int64_t ky = 0; ky < p.kh; ++ky)
            for (int64_t kx = 0; kx < p.kw; ++kx)
                for (int64_t c = 0; c < p.c; ++c)
                    sum += weight(o, ky, kx, c) *
                           x(n, q * p.stride - p.pads.top + ky * p.dilation, r * p.stride - p.pads.left + kx * p.dilation, c);
    } else if (pass == Pass::backward_data) {
        const int64_t c = at % p.c, w = at / p.c % p.w, h = at / p.c / p.w % p.h, n = at / p.c / p.w / p.h;
        for (int64_t ky = 0; ky < p.kh; ++ky)
            for (int64_t kx = 0; kx < p.kw; ++kx) {
                const int64_t row = h + p.pads.top - ky * p.dilation, column = w + p.pads.left - kx * p.dilation;
                if (row % p.stride || column % p.stride || row < 0 || column < 0) continue;
                if (row / p.stride >= p.out_h() || column / p.stride >= p.out_w()) continue;
                for (int64_t o = 0; o < p.o; ++o) sum += weight(o, ky, kx, c) * dy(n, row / p.stride, column / p.stride, o);
            }
    } else {
        const int64_t c = at % p.c, kx = at / p.c % p.kw, ky = at / p.c / p.kw % p.kh, o = at / p.c / p.kw / p.kh;
        for (int64_t n = 0; n < p.n; ++n)
            for (int64_t q = 0; q < p.out_h(); ++q)
                for (int64_t r = 0; r < p.out_w(); ++r)
                    sum +=
                        dy(n, q, r, o) * x(n, q * p.stride - p.pads.top + ky * p.dilation, r * p.stride - p.pads.left + kx * p.dilation, c);
    }
    return sum;
}

// The result by what choices say.
template <class T, class Result>
std::vector<Result> run(const Problem& p, Pass pass, const Block& first, const Block& second, int64_t count) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const Context context{first.device(), nullptr};
    const Block out(context.device, static_cast<size_t>(count) * sizeof(Result)), scratch(context.device, conv2d::workspace(key, p, pass));
    fill_bytes(out.data(), context.device, 0xff, out.bytes());
    const conv2d::Kernels& kernels = *conv2d::table().find(key);
    if (pass == Pass::forward)
        kernels.forward(p, first.data(), second.data(), nullptr, out.data(), scratch.data(), context);
    else if (pass == Pass::backward_data)
        kernels.backward_data(p, first.data(), second.data(), out.data(), scratch.data(), context);
    else
        kernels.backward_weights(p, first.data(), second.data(), out.data(), nullptr, scratch.data(), context);
    return from<Result>(out);
}

// Returns the names of the ways, the estimate's first.
template <class T, class Result>
std::vector<std::string> check_pass(const Problem& p, Pass pass, int64_t count) {
    const Device device = place().device;
    const Operands<T> in{sparse<T>(p.x_count(), 1), sparse<T>(p.weight_count(), 1001), sparse<T>(p.y_count(), 7)};
    const Block first = on(device, pass == Pass::backward_data ? in.dy : in.x),
                second = on(device, pass == Pass::backward_weights ? in.dy : in.weight);
    const std::string name = conv2d::key_of(p, pass);
    INFO(name_of(dtype_of<T>), " ", name);
    std::vector<std::string> names;
    std::vector<Result> wanted;
    for (const Way& way : conv2d::implicit::ways<T>(p, pass)) {
        names.push_back(way.name);
        choices::know(
            {{concat("cuda ", dtype_of<T> == DType::f32 && tf32_allowed() ? "tf32" : name_of(dtype_of<T>), " ", name), way.name}});
        REQUIRE(conv2d::implicit::way_of<T>(p, pass).name == way.name);
        const std::vector<Result> got = run<T, Result>(p, pass, first, second, count);
        if (wanted.empty()) {
            wanted = got;
            // Every place of a small result, some thousand of a large one, the first and the last among them.
            const int64_t places = std::min<int64_t>(count, 2000);
            for (int64_t i = 0; i < places; ++i) {
                const int64_t at =
                    places == 1
                        ? 0
                        : static_cast<int64_t>(static_cast<double>(i) * static_cast<double>(count - 1) / static_cast<double>(places - 1));
                const double exact = formula(p, pass, in, at);
                REQUIRE_MESSAGE(static_cast<double>(static_cast<float>(got[static_cast<size_t>(at)])) == exact, way.name, " at ", at);
            }
        }
        size_t differ = 0, where = 0;
        for (size_t i = 0; i < got.size(); ++i)
            if (!(static_cast<float>(got[i]) == static_cast<float>(wanted[i]))) {
                if (!differ) where = i;
                ++differ;
            }
        CHECK_MESSAGE(differ == 0, way.name, ": ", differ, " of ", got.size(), " differ from those of ", names.front(), ", the first at ",
                      where);
    }
    return names;
}

template <class T>
std::vector<std::string> check_ways(const Problem& p, Pass pass) {
    const Forgotten forget;
    if (pass == Pass::backward_weights) return check_pass<T, float>(p, pass, p.weight_count());
    return check_pass<T, T>(p, pass, pass == Pass::forward ? p.y_count() : p.x_count());
}

bool any_begins(const std::vector<std::string>& names, const std::string& begin) {
    for (const std::string& name : names)
        if (name.starts_with(begin)) return true;
    return false;
}

constexpr Pass passes[] = {Pass::forward, Pass::backward_data, Pass::backward_weights};

}  // namespace

TEST_CASE("device ways: every tile and every number of parts gives the formula's integers") {
    const bool large = place().large;
    choose_device("cuda");
    const bool hopper = chosen_accelerator_text().find("sm_90") != std::string::npos;
    std::vector<std::string> seen;
    const auto check = [&](const Problem& p, Pass pass) {
        const std::vector<std::string> names = check_ways<bf16>(p, pass);
        MESSAGE(conv2d::key_of(p, pass), ": ", names.size(), " ways, the estimate's ", names.front());
        seen.insert(seen.end(), names.begin(), names.end());
        return names;
    };
    if (!large) {
        check({.h = 9, .w = 8, .c = 32, .o = 72, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, Pass::forward);
        check({.n = 2, .h = 12, .w = 10, .c = 72, .o = 72}, Pass::backward_weights);
        const Problem stem{.n = 2, .h = 21, .w = 20, .c = 3, .o = 72, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
        for (const Pass pass : {Pass::forward, Pass::backward_weights}) check(stem, pass);
        for (const int64_t o : {1, 9}) check({.n = 2, .h = 12, .w = 10, .c = 72, .o = o}, Pass::backward_weights);
    } else {
        const auto layer = [](int64_t size, int64_t c, int64_t o, int64_t k, int stride = 1, int dilation = 1) {
            return conv2d::square_layer(8, size, c, o, k, stride, dilation);
        };
        for (const Problem& p : {layer(80, 128, 128, 3), layer(40, 128, 128, 3), layer(80, 128, 128, 3, 2), layer(20, 256, 256, 3, 1, 2),
                                 layer(20, 512, 512, 3, 1, 4), layer(80, 64, 256, 1), layer(20, 1024, 256, 1), layer(79, 72, 136, 3)})
            for (const Pass pass : passes) check(p, pass);
        for (const Pass pass : {Pass::forward, Pass::backward_weights}) check(layer(320, 3, 64, 7, 2), pass);
        check(layer(80, 128, 1, 1), Pass::backward_weights);
        // The tile that the hottest layer has in a training step is the largest one.
        if (hopper) CHECK(conv2d::implicit::way_of<bf16>(layer(80, 128, 128, 3), Pass::forward).name == "wgmma 128x128");
        for (const bool allowed : {false, true}) {
            const AllowTf32 tf32(allowed);
            for (const Pass pass : passes) {
                const std::vector<std::string> names = check_ways<float>(layer(40, 128, 128, 3), pass);
                for (const char* tile : {"tf32 64x64", "tf32 128x128"}) CHECK_MESSAGE(any_begins(names, tile) == allowed, tile);
                CHECK(any_begins(names, "tiles"));
            }
        }
    }
    for (const char* tile : {"mma 64x64", "mma 128x64", "mma 128x128", "runs 64x64"}) CHECK_MESSAGE(any_begins(seen, tile), tile);
    for (const char* tile : {"wgmma 64x64", "wgmma 128x64", "wgmma 128x128"}) CHECK_MESSAGE(any_begins(seen, tile) == hopper, tile);
}

}  // namespace purnet::test
