#include <cmath>
#include <utility>
#include <vector>

#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/resize/resize.h"

namespace purnet::resize {
namespace {

using namespace record;

// What output `at` of an axis takes: pairs of input index and weight, the weights of one index may be split.
std::vector<std::pair<int64_t, double>> taken(Mode mode, int64_t at, int64_t in, int64_t out) {
    if (mode == Mode::nearest) return {{static_cast<int64_t>(std::floor((at + 0.5) * in / out)), 1.0}};
    const double ratio = static_cast<double>(in) / static_cast<double>(out);
    double source = (at + 0.5) * ratio - 0.5;
    if (mode == Mode::bilinear_align_corners) source = out == 1 ? 0.0 : static_cast<double>(at) * (in - 1) / (out - 1);
    source = std::clamp(source, 0.0, static_cast<double>(in - 1));
    const double below = std::floor(source);
    const auto index = static_cast<int64_t>(below);
    if (source == below) return {{index, 1.0}};
    return {{index, 1 - (source - below)}, {index + 1, source - below}};
}

template <class Body>
void each_term(const Problem& p, Body&& body) {
    for (int64_t n = 0; n < p.n; ++n)
        for (int64_t r = 0; r < p.out_h; ++r)
            for (int64_t q = 0; q < p.out_w; ++q)
                for (const auto& [h, u] : taken(p.mode, r, p.h, p.out_h))
                    for (const auto& [w, v] : taken(p.mode, q, p.w, p.out_w))
                        for (int64_t c = 0; c < p.c; ++c)
                            body(((n * p.out_h + r) * p.out_w + q) * p.c + c, ((n * p.h + h) * p.w + w) * p.c + c, u * v);
}

void reference_forward(const Problem& p, const double* x, double* y, void*, const Context&) {
    for (int64_t i = 0; i < p.n * p.out_h * p.out_w * p.c; ++i) y[i] = 0;
    each_term(p, [&](int64_t out, int64_t in, double weight) { y[out] += weight * x[in]; });
}

void reference_backward(const Problem& p, const double* dy, double* dx, void*, const Context&) {
    for (int64_t i = 0; i < p.n * p.h * p.w * p.c; ++i) dx[i] = 0;
    each_term(p, [&](int64_t out, int64_t in, double weight) { dx[in] += weight * dy[out]; });
}

Case make_case(const Problem& p, bool real_layer = false) {
    const char* modes[] = {"half_pixel", "align_corners", "nearest"};
    const std::vector<int64_t> in{p.n, p.h, p.w, p.c}, out{p.n, p.out_h, p.out_w, p.c};
    Case c{.label = concat(modes[static_cast<int>(p.mode)], " n", p.n, " h", p.h, " w", p.w, " c", p.c, " oh", p.out_h, " ow", p.out_w),
           .real_layer = real_layer};
    const double flops = 8 * static_cast<double>(p.n * p.out_h * p.out_w * p.c);
    const double readers = 4.0 * (1 + static_cast<double>(p.out_h) / p.h) * (1 + static_cast<double>(p.out_w) / p.w);
    c.directions.push_back(
        {.name = "forward",
         .operands = {input("x", in), output("y", out), workspace(workspace_bytes(p))},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::forward, key); },
         .flops = flops});
    c.directions.push_back(
        {.name = "backward",
         .operands = {input("dy", out), output("dx", in), workspace(workspace_bytes(p))},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::backward, "backward", key)(p, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = flops,
         .rounding = 16 + readers});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (Mode mode : {Mode::bilinear_half_pixel, Mode::bilinear_align_corners, Mode::nearest}) {
        list.push_back(make_case({1, 1, 1, 1, 1, 1, mode}));
        list.push_back(make_case({1, 1, 1, 3, 4, 5, mode}));
        list.push_back(make_case({2, 5, 7, 3, 1, 1, mode}));
        list.push_back(make_case({1, 2, 2, 3, 1, 1, mode}));
        list.push_back(make_case({2, 5, 7, 1, 10, 14, mode}));
        list.push_back(make_case({1, 7, 5, 17, 11, 23, mode}));
        list.push_back(make_case({1, 13, 11, 65, 5, 4, mode}));
        list.push_back(make_case({1, 3, 4, 2, 96, 128, mode}));
        list.push_back(make_case({2, 20, 20, 33, 40, 40, mode}));
    }
    // Channels that are whole vectors, of float32 alone or of bf16 too; smaller and larger in either direction.
    for (const auto& row : pairwise({{4, 8, 40}, {2, 8, 13}, {4, 7, 16}, {0, 1, 2}, {3, 8}, {5, 7}, {1, 2}})) {
        constexpr Mode modes[] = {Mode::bilinear_half_pixel, Mode::bilinear_align_corners, Mode::nearest};
        add_drawn(list, make_case({row[6], row[4], row[5], row[0], row[1], row[2], modes[row[3]]}));
    }
    list.push_back(make_case({4, 40, 40, 128, 80, 80, Mode::bilinear_half_pixel}, true));
    list.push_back(make_case({4, 80, 80, 1, 320, 320, Mode::bilinear_half_pixel}, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .backward = erase<reference_backward>});
    return record::add(
        {.name = "resize", .formula = "y = x at another size: bilinear (half-pixel, align-corners) or nearest", .cases = cases});
}();

}  // namespace
}  // namespace purnet::resize
