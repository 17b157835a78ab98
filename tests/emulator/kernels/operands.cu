#include "tests/emulator/kernels/operands.h"

#include <vector>

#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/conv2d/conv2d_run_products.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using namespace conv2d::implicit;

constexpr int64_t padding = -1;

// Where an element lies in its tensor, from indices alone.
struct Formula {
    Problem p;
    int64_t group, phase_y, phase_x;  // phases of the data gradient

    int64_t in() const { return p.c / p.groups; }
    int64_t out() const { return p.o / p.groups; }
    // Numbers of the taps that meet input row (column) `at`, counted with its pad.
    std::vector<int64_t> taps_meeting(int64_t at, int64_t kernel) const {
        std::vector<int64_t> taps;
        for (int64_t k = 0; k < kernel; ++k)
            if ((at - k * p.dilation) % p.stride == 0) taps.push_back(k);
        return taps;
    }
    int64_t pixel_of_x(int64_t n, int64_t p_, int64_t q, int64_t ky, int64_t kx) const {
        const int64_t h = p_ * p.stride - p.pads.top + ky * p.dilation, w = q * p.stride - p.pads.left + kx * p.dilation;
        if (n >= p.n || h < 0 || h >= p.h || w < 0 || w >= p.w) return padding;
        return (n * p.h + h) * p.w + w;
    }
    int64_t x_under(int64_t pixel, int64_t k) const {
        const int64_t q = pixel % p.out_w(), p_ = pixel / p.out_w() % p.out_h(), n = pixel / p.out_w() / p.out_h();
        const int64_t i = k % in(), kx = k / in() % p.kw, ky = k / in() / p.kw;
        if (ky >= p.kh) return padding;
        const int64_t at = pixel_of_x(n, p_, q, ky, kx);
        return at < 0 ? padding : at * p.c + group * in() + i;
    }
    // Input pixel `row` of this phase and term k of its sum.
    int64_t dy_over(int64_t row, int64_t k) const {
        const int64_t rows = (p.h - phase_y + p.stride - 1) / p.stride, columns = (p.w - phase_x + p.stride - 1) / p.stride;
        const int64_t n = row / columns / rows;
        const int64_t y = (row / columns % rows) * p.stride + phase_y + p.pads.top, x = row % columns * p.stride + phase_x + p.pads.left;
        if (n >= p.n) return padding;
        const auto ky = taps_meeting(y, p.kh), kx = taps_meeting(x, p.kw);
        const int64_t taps = static_cast<int64_t>(kx.size());
        const int64_t o = k % out(), tap = k / out();
        if (tap >= taps * static_cast<int64_t>(ky.size())) return padding;
        const int64_t at_y = y - ky[static_cast<size_t>(tap / taps)] * p.dilation,
                      at_x = x - kx[static_cast<size_t>(tap % taps)] * p.dilation;
        if (at_y < 0 || at_x < 0 || at_y / p.stride >= p.out_h() || at_x / p.stride >= p.out_w()) return padding;
        return ((n * p.out_h() + at_y / p.stride) * p.out_w() + at_x / p.stride) * p.o + group * out() + o;
    }
    int64_t weight_back(int64_t i, int64_t k) const {
        const auto ky = taps_meeting(phase_y + p.pads.top, p.kh), kx = taps_meeting(phase_x + p.pads.left, p.kw);
        const int64_t taps = static_cast<int64_t>(kx.size()), o = k % out(), tap = k / out();
        if (i >= in() || tap >= taps * static_cast<int64_t>(ky.size())) return padding;
        return ((group * out() + o) * p.kh * p.kw + ky[static_cast<size_t>(tap / taps)] * p.kw + kx[static_cast<size_t>(tap % taps)]) *
                   in() +
               i;
    }
    int64_t weight_forward(int64_t o, int64_t k) const {
        return o < out() && k < p.kh * p.kw * in() ? (group * out() + o) * p.kh * p.kw * in() + k : padding;
    }
    // Element k of the runs under a pixel, whether of a tap or beside it.
    int64_t run_under(int64_t pixel, int64_t k) const {
        const Runs runs = runs_of(p);
        const int64_t q = pixel % p.out_w(), p_ = pixel / p.out_w() % p.out_h(), n = pixel / p.out_w() / p.out_h();
        const int64_t row = p_ * p.stride - p.pads.top + k / runs.length * p.dilation;
        const int64_t element = (q * p.stride - p.pads.left) * p.c - runs.lead + k % runs.length;
        if (n >= p.n || k >= p.kh * runs.length || row < 0 || row >= p.h || element < 0 || element >= p.w * p.c) return padding;
        return (n * p.h + row) * p.w * p.c + element;
    }
    int64_t weight_of_run(int64_t o, int64_t k) const {
        const Runs runs = runs_of(p);
        const int64_t own = k % runs.length - runs.lead, tap = k / runs.length;
        return o < p.o && tap < p.kh && own >= 0 && own < p.kw * p.c ? (o * p.kh + tap) * p.kw * p.c + own : padding;
    }
    int64_t dy_at(int64_t o, int64_t pixel) const {
        return o < out() && pixel < p.n * p.out_h() * p.out_w() ? pixel * p.o + group * out() + o : padding;
    }
};

// Walks an operand as the threads of a block would: lines 16 apart, steps of 16 terms, from `first` (a multiple of 64) on.
template <class Make, class Wanted>
std::string walk(const char* name, int64_t first, int64_t depth, const float* base, const Make& make, const Wanted& wanted) {
    using Operand = decltype(make(0, 0));
    constexpr bool along_k = Operand::along == tile::Along::k;
    constexpr int chunk = Operand::width;
    for (int line = 0; line < 16; ++line)
        for (int element = 0; element < (along_k ? 16 : 64); element += chunk) {
            Operand operand = make(line, element);
            for (int64_t k0 = 0; k0 < depth; k0 += 16, operand.advance(16)) {
                auto chunk_of_line = [&] {
                    if constexpr (requires { operand.cursor(); })
                        return [cursor = operand.cursor(), i = 0](int line) mutable {
                            for (; i < line; ++i) cursor.next();
                            return cursor.chunk();
                        };
                    else
                        return [&](int line) { return operand.at(line); };
                }();
                for (int i = 0; i < (along_k ? 4 : 1); ++i) {
                    const int64_t row = along_k ? first + line + 16 * i : first + element, k = along_k ? k0 + element : k0 + line;
                    const auto got = chunk_of_line(i);
                    const int64_t place = wanted(row, k), at = got.inside ? got.from - base : padding;
                    if (at != place) return concat(name, " row ", row, " term ", k, ": ", at, " instead of ", place);
                    if (got.inside && at % chunk) return concat(name, " row ", row, " term ", k, ": ", at, " in chunks of ", chunk);
                }
            }
        }
    return {};
}

template <int W, class Product, class WantedA, class WantedB>
std::string walk_both(const Product& product, const float* base_a, const float* base_b, const WantedA& wanted_a, const WantedB& wanted_b) {
    constexpr int lines_a = decltype(product.template a<W, 1>(0, 0, 0, 0, 0))::along == tile::Along::k ? 4 : 1;
    constexpr int lines_b = decltype(product.template b<W, 1>(0, 0, 0, 0, 0))::along == tile::Along::k ? 4 : 1;
    std::string difference;
    for (int64_t row = 0; row < product.rows() && difference.empty(); row += 64)
        difference = walk(
            "A", row, product.depth(), base_a,
            [&](int line, int element) { return product.template a<W, lines_a>(row, 0, line, 16, element); }, wanted_a);
    for (int column = 0; column < product.columns() && difference.empty(); column += 64)
        difference = walk(
            "B", column, product.depth(), base_b,
            [&](int line, int element) { return product.template b<W, lines_b>(column, 0, line, 16, element); }, wanted_b);
    return difference;
}

template <int W>
std::string compare(const Problem& p, Pass pass) {
    const Problem32 narrow_p = narrow(p);
    const std::vector<float> x(static_cast<size_t>(p.x_count())), dy(static_cast<size_t>(p.y_count())),
        weight(static_cast<size_t>(p.weight_count()));
    const int64_t phases = pass == Pass::backward_data ? p.stride * p.stride : 1;
    for (int64_t z = 0; z < p.groups * phases; ++z) {
        const Formula f{p, z / phases, z % phases / p.stride, z % phases % p.stride};
        std::string difference;
        if (pass == Pass::forward) {
            Correlation<float, true> product{narrow_p, x.data(), weight.data()};
            product.select(static_cast<int>(z));
            difference = walk_both<W>(
                product, x.data(), weight.data(), [&](int64_t row, int64_t k) { return f.x_under(row, k); },
                [&](int64_t row, int64_t k) { return f.weight_forward(row, k); });
        } else if (pass == Pass::backward_data) {
            Correlation<float, false> product{narrow_p, dy.data(), weight.data()};
            product.select(static_cast<int>(z));
            difference = walk_both<W>(
                product, dy.data(), weight.data(), [&](int64_t row, int64_t k) { return f.dy_over(row, k); },
                [&](int64_t row, int64_t k) { return f.weight_back(row, k); });
        } else {
            WeightGradient<float> product{narrow_p, x.data(), dy.data()};
            product.select(static_cast<int>(z));
            difference = walk_both<W>(
                product, dy.data(), x.data(), [&](int64_t row, int64_t k) { return f.dy_at(row, k); },
                [&](int64_t row, int64_t k) { return k < p.n * p.out_h() * p.out_w() ? f.x_under(k, row) : padding; });
        }
        if (!difference.empty()) return concat("product ", z, ", ", difference);
    }
    return {};
}

std::string compare_runs(const Problem& p, Pass pass) {
    const std::vector<float> x(static_cast<size_t>(p.x_count())), dy(static_cast<size_t>(p.y_count())),
        weight(static_cast<size_t>(p.weight_count()));
    const Formula f{p, 0, 0, 0};
    if (pass == Pass::forward) {
        RunCorrelation<float> product{{narrow(p), x.data(), weight.data()}, runs_of(p)};
        product.select(0);
        return walk_both<8>(
            product, x.data(), weight.data(), [&](int64_t row, int64_t k) { return f.run_under(row, k); },
            [&](int64_t row, int64_t k) { return f.weight_of_run(row, k); });
    }
    RunWeightGradient<float> product{{narrow(p), x.data(), dy.data()}, runs_of(p)};
    product.select(0);
    return walk_both<8>(
        product, dy.data(), x.data(), [&](int64_t row, int64_t k) { return f.dy_at(row, k); },
        [&](int64_t row, int64_t k) { return k < p.n * p.out_h() * p.out_w() ? f.run_under(k, row) : padding; });
}

}  // namespace

std::string compare_run_operands(const Problem& problem, Pass pass) {
    return takes_runs(problem, pass) ? compare_runs(problem, pass) : "is no problem of runs";
}

std::string compare_operands(const Problem& problem, Pass pass, bool vectors) {
    return vectors ? compare<4>(problem, pass) : compare<1>(problem, pass);
}

}  // namespace purnet::test
