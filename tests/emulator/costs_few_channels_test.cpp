// What convolutions of few channels move: a picture's (kernels/conv2d/conv2d_runs.h), a head's weight gradient, those from one channel to
// one (kernels/conv2d/conv2d_single.cu).
#include "tests/emulator/costs_convolutions.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "kernels/conv2d/conv2d_runs.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using conv2d::implicit::Runs;

// What warps ask of an array at a place where lanes may step over an access: the k-th of each lane together, as the monitor has it.
class Asked {
public:
    explicit Asked(int64_t element_bytes) : bytes_(element_bytes) {}
    // The next one of that lane.
    void at(int lane, int64_t element) { lanes_[lane].push_back(element * bytes_); }
    void end_warp() {
        size_t most = 0;
        for (const std::vector<int64_t>& lane : lanes_) most = std::max(most, lane.size());
        for (size_t k = 0; k < most; ++k) {
            std::set<int64_t> sectors, elements;
            for (const std::vector<int64_t>& lane : lanes_)
                if (k < lane.size()) sectors.insert(lane[k] / 32), elements.insert(lane[k]);
            sectors_ += static_cast<double>(sectors.size());
            ideal_ += std::ceil(static_cast<double>(static_cast<int64_t>(elements.size()) * bytes_) / 32);
        }
        for (std::vector<int64_t>& lane : lanes_) lane.clear();
    }
    // Of as many as an array of so many elements has.
    double times(int64_t count) const { return sectors_ / std::ceil(static_cast<double>(count * bytes_) / 32); }
    double ratio() const { return sectors_ / ideal_; }

private:
    int64_t bytes_;
    std::vector<int64_t> lanes_[32];
    double sectors_ = 0, ideal_ = 0;
};

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
    const Runs runs = conv2d::implicit::runs_of(p);
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

// Weights of runs in bf16, for tiles of 64 x 64: a warp takes 32 elements of the sum of every other line, a channel each, one by one, and
// steps over those of no tap.
Asked run_weights(const Problem& p) {
    const Runs runs = conv2d::implicit::runs_of(p);
    Asked asked(2);
    for (int64_t tile = 0; tile < static_cast<int64_t>(tiles(p.n * p.out_h() * p.out_w(), 64) * tiles(p.o, 64)); ++tile)
        for (int warp = 0; warp < 4; ++warp, asked.end_warp())
            for (int64_t first = 0; first < p.kh * runs.length; first += 64)
                for (int64_t line = warp / 2; line < 64; line += 2)
                    for (int lane = 0; lane < 32; ++lane) {
                        const int64_t place = first + warp % 2 * 32 + lane, own = place % runs.length - runs.lead;
                        if (line < p.o && place / runs.length < p.kh && own >= 0 && own < runs.used)
                            asked.at(lane, (line * p.kh + place / runs.length) * runs.used + own);
                    }
    return asked;
}

// Their gradient in float32: accumulators of 16 x 8 (kernels/tile/matrix.h), of whose pairs each element is written alone, if it is a
// tap's.
Asked run_gradients(const Problem& p) {
    const Runs runs = conv2d::implicit::runs_of(p);
    Asked asked(4);
    for (int64_t column0 = 0; column0 < p.kh * runs.length; column0 += 64)
        for (int warp = 0; warp < 4; ++warp, asked.end_warp())
            for (int row0 = warp / 2 * 32; row0 < warp / 2 * 32 + 32; row0 += 8)
                for (int across = 0; across < 4; ++across)
                    for (int lane = 0; lane < 32; ++lane)
                        for (int e = 0; e < 2; ++e) {
                            const int64_t column = column0 + warp % 2 * 32 + 8 * across + lane % 4 * 2 + e;
                            const int64_t tap = column / runs.length, own = column % runs.length - runs.lead;
                            if (tap < p.kh && own >= 0 && own < runs.used)
                                asked.at(lane, ((row0 + lane / 4) * p.kh + tap) * runs.used + own);
                        }
    return asked;
}

// An operand of conv2d_tile.h whose elements go one by one, 16 of the sum of each line: a warp has those of two lines, every 16 lines. The
// first step's are another place in the source than the rest's.
struct Elements {
    Asked first{4}, rest{4};

    // element(line of the tile, place in the sum): where it lies; negative: nowhere.
    template <class Element>
    void add_tile(int64_t depth, const Element& element) {
        for (int warp = 0; warp < 8; ++warp, first.end_warp(), rest.end_warp())
            for (int64_t begin = 0; begin < depth; begin += 16)
                for (int line = warp * 2; line < 64; line += 16)
                    for (int lane = 0; lane < 32; ++lane) {
                        const int64_t k = begin + lane % 16, at = k < depth ? element(line + lane / 16, k) : -1;
                        if (at >= 0) (begin ? rest : first).at(lane, at);
                    }
    }
    double times(int64_t count) const { return first.times(count) + rest.times(count); }
    double ratio() const { return std::max(first.ratio(), rest.ratio()); }
};

// The gradient of the input: a warp lies along a row of it, and where a window ends at the border lanes step over a pair. Both arrays.
struct Spread {
    Asked dy, weight;
};
Spread spread(const Problem& p, int64_t element) {
    Spread s{Asked(element), Asked(element)};
    for (int64_t first = 0; first < p.x_count(); first += 32, s.dy.end_warp(), s.weight.end_warp())
        for (int lane = 0; lane < 32; ++lane) {
            const int64_t h = (first + lane) / p.w, w = (first + lane) % p.w;  // of one picture
            for (int64_t ky = h % p.stride, i = h / p.stride; ky < p.kh && i >= 0; ky += p.stride, --i)
                for (int64_t kx = w % p.stride, j = w / p.stride; kx < p.kw && j >= 0; kx += p.stride, --j)
                    if (i < p.out_h() && j < p.out_w()) {
                        s.dy.at(lane, i * p.out_w() + j);
                        s.weight.at(lane, ky * p.kw + kx);
                    }
        }
    return s;
}

}  // namespace

// The stem, and a picture whose runs begin and end with a tap's elements, so that no lane steps over one. Of y half a sector is written at
// once, as by mma. The monitor takes the stem's words of different steps for one request: what these take of shared memory is no number,
// but for those that copies write and instructions read.
TEST_CASE("costs: convolutions by mma whose channels do not come in eights") {
    const Problem stem{.n = 1, .h = 16, .w = 16, .c = 3, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const Problem even{.n = 1, .h = 16, .w = 16, .c = 2, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const Kernel runs{"runs 64x64", 64, 64, 1, 2, {}};
    for (const Problem& p : {stem, even}) {
        const double x = run_sectors(p), depth = static_cast<double>(p.kh * conv2d::implicit::runs_of(p).length);
        const std::vector<Apart> mixed = p.c == 3 ? std::vector<Apart>{{"conv2d_mma.h", true, any}} : std::vector<Apart>{};
        const Asked weight = run_weights(p), gradient = run_gradients(p);
        check_way<bf16>(p, Pass::forward, runs,
                        {{{"x", x}, {"weight", weight.times(p.weight_count())}, {"y", 0, 2}}, std::max(weight.ratio(), 2.0), 1, 0, mixed});
        check_way<bf16>(p, Pass::backward_weights, runs,
                        {{{"x", x}, {"y", std::ceil(depth / 64)}, {"weight", 0, gradient.times(p.weight_count())}}, gradient.ratio(), 1});
    }
    // Nine elements of dy of a pixel, one by one.
    const Problem head{.n = 1, .h = 8, .w = 8, .c = 64, .o = 9};
    check_way<bf16>(head, Pass::backward_weights, {"mma 64x64", 64, 64, 1, 2, {}},
                    {{{"x", 1}, {"y", ragged(64, 18, 18)}, {"weight", 0, 1}}, ragged(64, 18, 18) * 36 / 64, 1});
}

// In float32 they go element by element, of two lines a warp: the stem, of which all is as the lanes come, and the gradients of a head of
// one channel. Of its input's, each warp has two pixels of dy, and one line of weights is read by each row of tiles; of its weights', a
// pixel's dy is read alone. Down a column of a tile 16 elements of the sum are written, every eighth in the same bank: two turns.
TEST_CASE("costs: convolutions on ordinary cores whose channels do not come in fours") {
    const Problem stem{.n = 1, .h = 16, .w = 16, .c = 3, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const Kernel kernel{"tiles 64x64", 64, 64, 0, 1, {}};
    const int64_t depth = stem.kh * stem.kw * stem.c;
    Elements x, weight;  // one tile
    x.add_tile(depth, [&](int64_t pixel, int64_t k) -> int64_t {
        const int64_t h = pixel / stem.out_w() * stem.stride - stem.pads.top + k / (stem.kw * stem.c);
        const int64_t w = pixel % stem.out_w() * stem.stride - stem.pads.left + k / stem.c % stem.kw;
        return h >= 0 && h < stem.h && w >= 0 && w < stem.w ? (h * stem.w + w) * stem.c + k % stem.c : -1;
    });
    weight.add_tile(depth, [&](int64_t line, int64_t k) { return line * depth + k; });
    check_way<float>(stem, Pass::forward, kernel,
                     {{{"x", x.times(stem.x_count())}, {"weight", weight.times(stem.weight_count())}, {"y", 0, 1}},
                      std::max(x.ratio(), weight.ratio()),
                      2});
    const Problem head{.n = 2, .h = 8, .w = 8, .c = 64, .o = 1};
    const auto check_gradient = [&](auto element) {
        using T = decltype(element);
        check_way<T>(head, Pass::backward_data, kernel, {{{"y", 32.0 / sizeof(T) / 2}, {"weight", 2}, {"x", 0, 1}}, 1, 2});
    };
    check_gradient(float());
    check_gradient(bf16());
    check_way<float>(head, Pass::backward_weights, kernel, {{{"x", 1}, {"y", 8}, {"weight", 0, 1}}, 1, 1});
}

// Eight rows of eight taps: a warp has four of these rows, each for itself. An output is a warp's, whose first lane writes it; it reads all
// taps. Of their gradient a warp has 32, and reads an element of dy for all of them.
TEST_CASE("costs: convolutions from one channel to one") {
    const Problem p{.n = 1, .h = 32, .w = 32, .kh = 8, .kw = 8, .stride = 4};
    const auto check = [&](auto element) {
        using T = decltype(element);
        const Kernel kernel{"single", 0, 0, 0, 1, {}};
        const double outputs = static_cast<double>(p.y_count()), taps = 64, rows = window_rows(p, sizeof(T));
        const double of_windows = rows * static_cast<double>(p.x_count()) / (outputs * taps);
        const double each = outputs / std::ceil(outputs * sizeof(T) / 32);  // a sector for each output
        const Spread s = spread(p, sizeof(T));
        check_way<T>(p, Pass::forward, kernel, {{{"x", rows}, {"weight", outputs}, {"y", 0, each}}, of_windows});
        check_way<T>(p, Pass::backward_data, kernel,
                     {{{"x", 0, 1}, {"y", s.dy.times(p.y_count())}, {"weight", s.weight.times(p.weight_count())}},
                      std::max(s.dy.ratio(), s.weight.ratio())});
        check_way<T>(p, Pass::backward_weights, kernel, {{{"x", rows}, {"y", each * taps / 32}, {"weight", 0, 1}}, of_windows, 1});
    };
    check(float());
    check(bf16());
}

}  // namespace purnet::test
#endif
