// Winograd by itself: exact on integers, the same bits for every number of threads, in both ways to share the work.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/winograd/winograd_wgrad.h"

namespace purnet::test {
namespace {

std::vector<float> integers(int64_t count, int multiple, uint64_t state) {
    std::vector<float> v(static_cast<size_t>(count));
    for (float& f : v) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        f = static_cast<float>((static_cast<int>(state >> 60) % 5 - 2) * multiple);
    }
    return v;
}

std::vector<float> direct(const winograd::Problem& p, const winograd::Filters& f, const std::vector<float>& src) {
    std::vector<float> out(static_cast<size_t>(p.pictures * p.out_h * p.out_w * p.out), 0.0f);
    for (int64_t n = 0; n < p.pictures; ++n)
        for (int64_t row = 0; row < p.out_h; ++row)
            for (int64_t column = 0; column < p.out_w; ++column)
                for (int64_t tap = 0; tap < 9; ++tap) {
                    const int64_t i = row - p.top + tap / 3 * p.dilation, j = column - p.left + tap % 3 * p.dilation;
                    if (i < 0 || i >= p.in_h || j < 0 || j >= p.in_w) continue;
                    for (int64_t o = 0; o < p.out; ++o)
                        for (int64_t c = 0; c < p.in; ++c)
                            out[((n * p.out_h + row) * p.out_w + column) * p.out + o] +=
                                src[((n * p.in_h + i) * p.in_w + j) * p.in + c] *
                                f.weight[o * f.out_stride + c * f.in_stride + (f.flipped ? 8 - tap : tap) * f.tap_stride];
                }
    return out;
}

std::vector<float> run(const winograd::Problem& p, const winograd::Filters& filters, const std::vector<float>& src) {
    const Block packed(Device{}, winograd::packed_floats(p) * sizeof(float)),
        scratch(Device{}, winograd::scratch_floats(p) * sizeof(float));
    std::vector<float> out(static_cast<size_t>(p.pictures * p.out_h * p.out_w * p.out), -1.0f);
    winograd::pack(p, filters, static_cast<float*>(packed.data()));
    winograd::run(p, src.data(), static_cast<const float*>(packed.data()), {}, out.data(), static_cast<float*>(scratch.data()));
    return out;
}

// filter(j, ky, kx, i) at weight[((i * 4 + ky) * 4 + kx) * out + j].
std::vector<float> doubled(const winograd::Problem& p, const std::vector<float>& weight, const std::vector<float>& src) {
    std::vector<float> out(static_cast<size_t>(p.pictures * p.out_h * p.out_w * p.out), 0.0f);
    for (int64_t n = 0; n < p.pictures; ++n)
        for (int64_t row = 0; row < p.in_h; ++row)
            for (int64_t column = 0; column < p.in_w; ++column)
                for (int64_t tap = 0; tap < 16; ++tap) {
                    const int64_t i = 2 * row + tap / 4 - p.top, j = 2 * column + tap % 4 - p.left;
                    if (i < 0 || i >= p.out_h || j < 0 || j >= p.out_w) continue;
                    for (int64_t c = 0; c < p.in; ++c)
                        for (int64_t o = 0; o < p.out; ++o)
                            out[((n * p.out_h + i) * p.out_w + j) * p.out + o] +=
                                src[((n * p.in_h + row) * p.in_w + column) * p.in + c] * weight[(c * 16 + tap) * p.out + o];
                }
    return out;
}

std::vector<float> direct_gradient(const winograd::Problem& p, const std::vector<float>& src, const std::vector<float>& dout) {
    std::vector<float> gradient(static_cast<size_t>(p.out * 9 * p.in), 0.0f);
    for (int64_t n = 0; n < p.pictures; ++n)
        for (int64_t row = 0; row < p.out_h; ++row)
            for (int64_t column = 0; column < p.out_w; ++column)
                for (int64_t tap = 0; tap < 9; ++tap) {
                    const int64_t i = row - p.top + tap / 3 * p.dilation, j = column - p.left + tap % 3 * p.dilation;
                    if (i < 0 || i >= p.in_h || j < 0 || j >= p.in_w) continue;
                    for (int64_t o = 0; o < p.out; ++o)
                        for (int64_t c = 0; c < p.in; ++c)
                            gradient[(o * 9 + tap) * p.in + c] += src[((n * p.in_h + i) * p.in_w + j) * p.in + c] *
                                                                  dout[((n * p.out_h + row) * p.out_w + column) * p.out + o];
                }
    return gradient;
}

std::vector<float> gradient(const winograd::Problem& p, const std::vector<float>& src, const std::vector<float>& dout) {
    Block scratch(Device{}, winograd::filter_gradient_scratch_floats(p) * sizeof(float));
    std::fill_n(static_cast<float*>(scratch.data()), winograd::filter_gradient_scratch_floats(p), std::nanf(""));
    std::vector<float> result(static_cast<size_t>(p.out * 9 * p.in), -1.0f);
    winograd::filter_gradient(p, src.data(), dout.data(), result.data(), static_cast<float*>(scratch.data()));
    return result;
}

// Body gets the name of the set.
template <class Body>
void on_each_set(const Body& body) {
    const Isa best = isa();
    for (Isa set : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if (set > best) continue;
        force_isa(set);
        body(std::string(name_of(set)));
    }
    force_isa(best);
}

template <class Compute>
void check_on_threads(const std::string& what, const std::vector<float>& wanted, const Compute& compute) {
    const int threads = thread_count();
    for (int count : {1, 2, 5, 16}) {
        set_thread_count(count);
        CHECK_MESSAGE(compute() == wanted, what, " threads ", count);
    }
    set_thread_count(threads);
}

}  // namespace

TEST_CASE("winograd: the weight gradient is exact on integers, equal bits for every number of threads") {
    on_each_set([](const std::string& set) {
        for (int64_t tile : {2, 4})
            for (const winograd::Problem& p : std::vector<winograd::Problem>{
                     {.pictures = 2, .in_h = 9, .in_w = 14, .in = 17, .out_h = 9, .out_w = 14, .out = 150, .tile = tile},
                     {.in_h = 11, .in_w = 7, .in = 5, .out_h = 9, .out_w = 8, .out = 33, .top = 2, .left = 3, .dilation = 2, .tile = tile},
                     {.in_h = 1, .in_w = 2, .in = 3, .out_h = 1, .out_w = 2, .out = 2, .tile = tile},
                     {.in_h = 6, .in_w = 5, .in = 16, .out_h = 6, .out_w = 5, .out = 300, .top = 4, .left = 4, .dilation = 4, .tile = tile},
                     // More tiles than one block holds.
                     {.pictures = 3, .in_h = 40, .in_w = 39, .in = 3, .out_h = 40, .out_w = 39, .out = 4, .tile = tile}}) {
                const std::vector<float> src = integers(p.pictures * p.in_h * p.in_w * p.in, 1, 7);
                const std::vector<float> dout = integers(p.pictures * p.out_h * p.out_w * p.out, tile == 4 ? 576 : 4, 8);
                const std::vector<float> wanted = direct_gradient(p, src, dout);
                check_on_threads(set + " tile " + std::to_string(tile), wanted, [&] { return gradient(p, src, dout); });
            }
    });
}

TEST_CASE("winograd: the transposed form is exact on integers, equal bits for every number of threads") {
    on_each_set([](const std::string& set) {
        for (const winograd::Problem& p : std::vector<winograd::Problem>{
                 {.pictures = 2, .in_h = 7, .in_w = 9, .in = 17, .out_h = 14, .out_w = 17, .out = 48, .tile = 3},
                 {.in_h = 3, .in_w = 2, .in = 5, .out_h = 8, .out_w = 6, .out = 16, .top = 0, .left = 0, .tile = 3},
                 {.in_h = 4, .in_w = 6, .in = 3, .out_h = 5, .out_w = 9, .out = 128, .top = 2, .left = 3, .tile = 3},
                 {.in_h = 1, .in_w = 1, .in = 1, .out_h = 1, .out_w = 2, .out = 16, .tile = 3}}) {
            const std::vector<float> src = integers(p.pictures * p.in_h * p.in_w * p.in, 1, 5);
            const std::vector<float> weight = integers(p.in * p.out * 16, 4, 6);
            const std::vector<float> wanted = doubled(p, weight, src);
            check_on_threads(set, wanted, [&] { return run(p, {weight.data(), 1, 16 * p.out, p.out}, src); });
        }
    });
}

TEST_CASE("winograd: exact on integers, equal bits for every number of threads") {
    on_each_set([](const std::string& set) {
        for (int64_t tile : {2, 4})
            for (const winograd::Problem& p : std::vector<winograd::Problem>{
                     {.pictures = 2, .in_h = 9, .in_w = 14, .in = 17, .out_h = 9, .out_w = 14, .out = 150, .tile = tile},
                     {.in_h = 11, .in_w = 7, .in = 5, .out_h = 9, .out_w = 8, .out = 33, .top = 2, .left = 3, .dilation = 2, .tile = tile},
                     {.in_h = 1, .in_w = 2, .in = 3, .out_h = 1, .out_w = 2, .out = 2, .tile = tile},
                     {.pictures = 3,
                     .in_h = 6,
                     .in_w = 6,
                     .in = 4,
                     .out_h = 6,
                     .out_w = 6,
                     .out = 300,
                     .top = 4,
                     .left = 4,
                     .dilation = 4,
                     .tile = tile}}) {
                const std::vector<float> src = integers(p.pictures * p.in_h * p.in_w * p.in, 1, 5);
                const std::vector<float> weight = integers(p.in * p.out * 9, tile == 4 ? 576 : 4, 6);
                for (const winograd::Filters& filters : {winograd::Filters{weight.data(), 9 * p.in, 1, p.in, false},
                                                         winograd::Filters{weight.data(), 1, 9 * p.out, p.out, true}}) {
                    const std::vector<float> wanted = direct(p, filters, src);
                    check_on_threads(set + " tile " + std::to_string(tile), wanted, [&] { return run(p, filters, src); });
                }
            }
    });
}

}  // namespace purnet::test
