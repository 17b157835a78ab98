// The record of conv2d: the formulas of conv2d.h as scalar loops in float64, shapes, the layers of the networks.
#include <algorithm>
#include <cmath>

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_layers.h"
#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/record/gradient_sums.h"
#include "kernels/record/winograd_bound.h"
#include "kernels/record/workspace.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d {
namespace {

using namespace record;

struct Range {
    int64_t begin, end;
};

// Calls body(flat index of y, of x, of weight, count) for every run of products of the sum: y stays, x and weight go through
// `count` neighbours, the input channels asked for of a group. Pixels outside x are left out.
template <class Body>
void each_run(const Problem& s, Range outputs, Range inputs, Body&& body) {
    const int64_t in_group = s.c / s.groups, out_group = s.o / s.groups;
    for (int64_t o = outputs.begin; o < outputs.end; ++o)
        for (int64_t n = 0; n < s.n; ++n)
            for (int64_t p = 0; p < s.out_h(); ++p)
                for (int64_t q = 0; q < s.out_w(); ++q)
                    for (int64_t ky = 0; ky < s.kh; ++ky)
                        for (int64_t kx = 0; kx < s.kw; ++kx) {
                            const int64_t i = p * s.stride - s.pads.top + ky * s.dilation;
                            const int64_t j = q * s.stride - s.pads.left + kx * s.dilation;
                            if (i < 0 || i >= s.h || j < 0 || j >= s.w) continue;
                            const int64_t at_y = ((n * s.out_h() + p) * s.out_w() + q) * s.o + o;
                            const int64_t at_x = ((n * s.h + i) * s.w + j) * s.c + o / out_group * in_group;
                            const int64_t at_w = ((o * s.kh + ky) * s.kw + kx) * in_group;
                            body(at_y, at_x + inputs.begin, at_w + inputs.begin, inputs.end - inputs.begin);
                        }
}

// The threads write different elements, each in the order of a serial loop: the split changes no bit.
template <class Body>
void each_output_channel(const Problem& s, Body&& body) {
    parallel_for(s.o, 1, [&](int64_t begin, int64_t end) { each_run(s, {begin, end}, {0, s.c / s.groups}, body); });
}

void reference_forward(const Problem& s, const double* x, const double* weight, const double* bias, double* y, void*, const Context&) {
    for (int64_t i = 0; i < s.y_count(); ++i) y[i] = bias ? bias[i % s.o] : 0;
    each_output_channel(s, [&](int64_t at_y, int64_t at_x, int64_t at_w, int64_t count) {
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < count; ++c) sum += weight[at_w + c] * x[at_x + c];
        y[at_y] += sum;
    });
}

// Calls body(channel, first row, end) for each part of the rows and channel; moments lie at part * o + channel of each plane.
template <class Body>
void each_part(const Problem& s, Body&& body) {
    const int64_t rows = s.n * s.out_h() * s.out_w();
    for (int64_t part = 0; part < batch_norm::moment_parts(rows); ++part)
        for (int64_t c = 0; c < s.o; ++c)
            body(part * s.o + c, c, part * batch_norm::moment_rows, std::min(rows, (part + 1) * batch_norm::moment_rows));
}
int64_t moments_plane(const Problem& s) { return batch_norm::moment_parts(s.n * s.out_h() * s.out_w()) * s.o; }

void reference_forward_moments(const Problem& s, const double* x, const double* weight, const double* bias, double* y, double* moments,
                               void* workspace, const Context& context) {
    reference_forward(s, x, weight, bias, y, workspace, context);
    const int64_t plane = moments_plane(s);
    each_part(s, [&](int64_t at, int64_t c, int64_t first, int64_t end) {
        const double shift = moments[at] = y[first * s.o + c];
        moments[plane + at] = moments[2 * plane + at] = 0;
        for (int64_t r = first; r < end; ++r) moments[plane + at] += y[r * s.o + c] - shift;
        for (int64_t r = first; r < end; ++r) moments[2 * plane + at] += (y[r * s.o + c] - shift) * (y[r * s.o + c] - shift);
    });
}

void reference_backward_data(const Problem& s, const double* dy, const double* weight, double* dx, void*, const Context&) {
    for (int64_t i = 0; i < s.x_count(); ++i) dx[i] = 0;
    parallel_for(s.c / s.groups, 1, [&](int64_t begin, int64_t end) {
        each_run(s, {0, s.o}, {begin, end}, [&](int64_t at_y, int64_t at_x, int64_t at_w, int64_t count) {
#pragma omp simd
            for (int64_t c = 0; c < count; ++c) dx[at_x + c] += weight[at_w + c] * dy[at_y];
        });
    });
}

void reference_backward_data_sums(const Problem& s, const double* dy, const double* weight, const batch_norm::NormOperands& norm,
                                  double* dx, double* sums, void* workspace, const Context& context) {
    reference_backward_data(s, dy, weight, dx, workspace, context);
    reference_gradient_sums(norm, s.n * s.h * s.w, s.c, dx, sums);
}

void reference_backward_weights(const Problem& s, const double* x, const double* dy, double* dweight, double* dbias, void*,
                                const Context&) {
    if (dweight) {
        for (int64_t i = 0; i < s.weight_count(); ++i) dweight[i] = 0;
        each_output_channel(s, [&](int64_t at_y, int64_t at_x, int64_t at_w, int64_t count) {
#pragma omp simd
            for (int64_t c = 0; c < count; ++c) dweight[at_w + c] += dy[at_y] * x[at_x + c];
        });
    }
    if (!dbias) return;
    for (int64_t o = 0; o < s.o; ++o) dbias[o] = 0;
    for (int64_t i = 0; i < s.y_count(); ++i) dbias[i % s.o] += dy[i];
}

bool forward_magnitude(const Problem& s, Key key, const Pointers& p, bool bias) {
    auto* y = static_cast<double*>(p[2]);
    if (key.device != DeviceType::cpu ||
        !winograd_bound(s, Pass::forward, static_cast<const double*>(p[0]), static_cast<const double*>(p[1]), y))
        return false;
    if (bias)
        for (int64_t i = 0; i < s.y_count(); ++i) y[i] += static_cast<const double*>(p[4])[i % s.o];
    return true;
}

// The bound is g(K) u_acc S. With e the S of an element of y that also covers its rounding, moments of differences d may be off by sums of
// e, of squares by 2 |d| e + e^2, and both by the rounding of their own 64 terms.
bool forward_moments_magnitude(const Problem& s, Key key, const Pointers& p, bool bias, int64_t reduction) {
    auto *y = static_cast<double*>(p[2]), *moments = static_cast<double*>(p.back());
    if (!forward_magnitude(s, key, p, bias))
        reference_forward(s, static_cast<const double*>(p[0]), static_cast<const double*>(p[1]),
                          bias ? static_cast<const double*>(p[4]) : nullptr, y, nullptr, {});
    const double k = static_cast<double>(reduction), unit = std::min(k, 6 * std::sqrt(k)) * 0x1p-24;
    const double e = 1 + (key.dtype == DType::bf16 ? 0x1p-8 : 0x1p-24) / unit, terms = batch_norm::moment_rows;
    const int64_t plane = moments_plane(s);
    each_part(s, [&](int64_t at, int64_t c, int64_t first, int64_t end) {
        moments[at] = e * y[first * s.o + c];
        moments[plane + at] = moments[2 * plane + at] = 0;
        for (int64_t r = first; r < end; ++r) {
            const double d = y[r * s.o + c] + y[first * s.o + c];
            moments[plane + at] += (e + terms) * d;
            moments[2 * plane + at] += (2 * e + unit * e * e + terms + 2) * d * d;
        }
    });
    return true;
}

bool backward_data_magnitude(const Problem& s, Key key, const Pointers& p) {
    return key.device == DeviceType::cpu && winograd_bound(s, Pass::backward_data, static_cast<const double*>(p[0]),
                                                           static_cast<const double*>(p[1]), static_cast<double*>(p[2]));
}

// e: as in forward_moments_magnitude.
bool backward_data_sums_magnitude(const Problem& s, Key key, const Pointers& p, const batch_norm::NormOperands& norm, int64_t reduction) {
    auto *dx = static_cast<double*>(p[2]), *sums = static_cast<double*>(p.back());
    if (!backward_data_magnitude(s, key, p))
        reference_backward_data(s, static_cast<const double*>(p[0]), static_cast<const double*>(p[1]), dx, nullptr, {});
    const double k = static_cast<double>(reduction), unit = std::min(k, 6 * std::sqrt(k)) * 0x1p-24;
    gradient_sums_magnitude(norm, s.n * s.h * s.w, s.c, dx, 1 + (key.dtype == DType::bf16 ? 0x1p-8 : 0x1p-24) / unit, sums);
    return true;
}

bool backward_weights_magnitude(const Problem& s, Key key, const Pointers& p, bool bias) {
    if (key.device != DeviceType::cpu || !winograd_bound(s, Pass::backward_weights, static_cast<const double*>(p[0]),
                                                         static_cast<const double*>(p[1]), static_cast<double*>(p[2])))
        return false;
    if (bias) reference_backward_weights(s, nullptr, static_cast<const double*>(p[1]), nullptr, static_cast<double*>(p[4]), nullptr, {});
    return true;
}

std::string label_of(const Problem& s, bool bias) {
    std::string text = concat("n", s.n, " h", s.h, " w", s.w, " c", s.c, " o", s.o, " k", s.kh, "x", s.kw);
    if (s.stride != 1) text += concat(" s", s.stride);
    if (s.dilation != 1) text += concat(" d", s.dilation);
    if (s.groups != 1) text += concat(" g", s.groups);
    if (s.pads != Pads{}) text += concat(" p", s.pads.top, ",", s.pads.left, ",", s.pads.bottom, ",", s.pads.right);
    return text + (bias ? " bias" : "");
}

Operand workspace_operand(const Problem& s, Pass pass) {
    return workspace_of_twins([&](Key key) { return conv2d::workspace(key, s, pass); });
}

Case make_case(const Problem& s, bool bias, bool real_layer, bool moments = false) {
    check(s);
    const std::vector<int64_t> x_shape{s.n, s.h, s.w, s.c}, y_shape{s.n, s.out_h(), s.out_w(), s.o};
    const std::vector<int64_t> weight_shape{s.o, s.kh, s.kw, s.c / s.groups};
    const Operand bias_operand{"bias", Role::input, Kind::parameter, {s.o}};
    Direction forward{
        .name = "forward",
        .operands = {{"x", Role::input, Kind::activation, x_shape},
                     {.name = "weight", .kind = Kind::activation, .shape = weight_shape, .multiple = winograd_multiple(s, Pass::forward)},
                     {"y", Role::output, Kind::activation, y_shape},
                     workspace_operand(s, Pass::forward)},
        .run =
            [s, bias](Key key, const Pointers& p, const Context& c) {
                table().get(&Kernels::forward, "forward", key)(s, p[0], p[1], bias ? p[4] : nullptr, p[2], p[3], c);
            },
        .available = [](Key key) { return table().has(&Kernels::forward, key); },
        .flops = s.flops(),
        .multilinear = true,
        .reduction = s.kh * s.kw * (s.c / s.groups) + bias,
        .magnitude = [s, bias](Key key, const Pointers& p) { return forward_magnitude(s, key, p, bias); }};
    if (bias) forward.operands.push_back(bias_operand);
    Direction with_moments = forward;
    with_moments.name = "forward_moments";
    with_moments.operands.push_back({"moments", Role::output, Kind::parameter, {3, moments_plane(s) / s.o, s.o}});
    with_moments.run = [s, bias](Key key, const Pointers& p, const Context& c) {
        table().get(&Kernels::forward_moments, "forward_moments", key)(s, p[0], p[1], bias ? p[4] : nullptr, p[2], p.back(), p[3], c);
    };
    with_moments.available = [](Key key) { return table().has(&Kernels::forward_moments, key); };
    with_moments.magnitude = [s, bias, reduction = forward.reduction](Key key, const Pointers& p) {
        return forward_moments_magnitude(s, key, p, bias, reduction);
    };
    Direction data{
        .name = "backward_data",
        .operands =
            {{"dy", Role::input, Kind::activation, y_shape},
             {.name = "weight", .kind = Kind::activation, .shape = weight_shape, .multiple = winograd_multiple(s, Pass::backward_data)},
             {"dx", Role::output, Kind::activation, x_shape},
             workspace_operand(s, Pass::backward_data)},
        .run = [s](Key key, const Pointers& p,
                   const Context& c) { table().get(&Kernels::backward_data, "backward_data", key)(s, p[0], p[1], p[2], p[3], c); },
        .available = [](Key key) { return table().has(&Kernels::backward_data, key); },
        .flops = s.flops(),
        .multilinear = true,
        .reduction = s.kh * s.kw * (s.o / s.groups),
        .magnitude = [s](Key key, const Pointers& p) { return backward_data_magnitude(s, key, p); }};
    Direction weights{
        .name = "backward_weights",
        .operands = {{"x", Role::input, Kind::activation, x_shape},
                     {.name = "dy", .kind = Kind::activation, .shape = y_shape, .multiple = winograd_multiple(s, Pass::backward_weights)},
                     {"dweight", Role::output, Kind::parameter, weight_shape},
                     workspace_operand(s, Pass::backward_weights)},
        .run =
            [s, bias](Key key, const Pointers& p, const Context& c) {
                table().get(&Kernels::backward_weights, "backward_weights", key)(s, p[0], p[1], p[2], bias ? p[4] : nullptr, p[3], c);
            },
        .available = [](Key key) { return table().has(&Kernels::backward_weights, key); },
        .flops = s.flops(),
        .multilinear = true,
        .reduction = s.n * s.out_h() * s.out_w(),
        .magnitude = [s, bias](Key key, const Pointers& p) { return backward_weights_magnitude(s, key, p, bias); }};
    if (bias) weights.operands.push_back({"dbias", Role::output, Kind::parameter, {s.o}});
    Case c{label_of(s, bias), real_layer, {std::move(forward), std::move(data), std::move(weights)}};
    if (moments) c.directions.push_back(std::move(with_moments));
    return c;
}

// The data gradient with the sums of the batch norm before it. A case of its own: a forward knows nothing of that batch norm.
Case make_sums_case(const Problem& s, Activation activation) {
    Case c = make_case(s, false, false);
    Direction& d = c.directions[1];
    d.name = "backward_data_sums";
    d.available = [](Key key) { return table().has(&Kernels::backward_data_sums, key); };
    const int64_t rows = s.n * s.h * s.w;
    const bool slope = activation == Activation::prelu;
    const auto operand = [&](const char* name, std::vector<int64_t> shape, Kind kind, Fill fill = Fill::any) {
        d.operands.push_back({.name = name, .kind = kind, .shape = std::move(shape), .fill = fill});
    };
    operand("norm_x", {s.n, s.h, s.w, s.c}, Kind::activation);
    operand("gamma", {s.c}, Kind::parameter, Fill::positive);
    operand("beta", {s.c}, Kind::parameter);
    operand("mean", {s.c}, Kind::parameter);
    operand("inverse", {s.c}, Kind::parameter, Fill::positive);
    if (slope) operand("slope", {1}, Kind::parameter);
    d.operands.push_back({"sums", Role::output, Kind::parameter, {3, batch_norm::moment_parts(rows), s.c}});
    const auto norm_of = [activation, slope](const Pointers& p) {
        return batch_norm::NormOperands{activation, p[4], p[5], p[6], p[7], p[8], slope ? p[9] : nullptr};
    };
    d.run = [=](Key key, const Pointers& p, const Context& on) {
        table().get(&Kernels::backward_data_sums, "backward_data_sums", key)(s, p[0], p[1], norm_of(p), p[2], p.back(), p[3], on);
    };
    d.magnitude = [=, reduction = d.reduction](Key key, const Pointers& p) {
        return backward_data_sums_magnitude(s, key, p, norm_of(p), reduction);
    };
    c.directions = {std::move(d)};
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const auto add = [&](Problem s, bool bias = false) { list.push_back(make_case(s, bias, false)); };
    const auto add_moments = [&](Problem s, bool bias = false) { list.push_back(make_case(s, bias, false, true)); };
    // The smallest, and channel counts around every vector and tile.
    add({});
    add_moments({.o = 2});
    add_moments({.n = 1, .h = 1, .w = 1, .c = 17, .o = 5}, true);
    for (int64_t channels : {2, 7, 15, 16, 17, 31, 33})
        add({.n = 2, .h = 5, .w = 7, .c = channels, .o = 48 - channels, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, channels % 2);
    for (int64_t width : {1, 2, 3, 6, 13, 14, 15, 29})
        add({.n = 1, .h = 3, .w = width, .c = 16, .o = 32, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}});
    for (int64_t o : {1, 3, 63, 64, 65, 130}) add_moments({.n = 1, .h = 3, .w = 11, .c = 13, .o = o}, true);
    // Winograd's tiles cut by every border, on sub-grids too, with pads on one side and none.
    for (int64_t size : {4, 7, 9, 13, 22})
        add({.n = 2, .h = size, .w = size + 1, .c = 40, .o = 33, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, size == 9);
    add({.n = 1, .h = 17, .w = 14, .c = 64, .o = 50, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2});
    add({.n = 1, .h = 14, .w = 19, .c = 50, .o = 64, .kh = 3, .kw = 3, .pads = {4, 4, 4, 4}, .dilation = 4}, true);
    add({.n = 1, .h = 20, .w = 11, .c = 48, .o = 32, .kh = 3, .kw = 3, .pads = {0, 2, 1, 0}});
    add({.n = 1, .h = 12, .w = 15, .c = 33, .o = 66, .kh = 3, .kw = 3, .pads = {0, 0, 0, 0}}, true);
    add({.n = 1, .h = 9, .w = 10, .c = 32, .o = 32, .kh = 3, .kw = 3, .pads = {5, 3, 0, 4}, .dilation = 2});
    // Strides, dilations, pads on one side, kernels that are not square, pads larger than the picture.
    for (int stride : {1, 2, 3})
        for (int dilation : {1, 2, 4})
            add({.n = 1,
                 .h = 11,
                 .w = 10,
                 .c = 9,
                 .o = 20,
                 .kh = 3,
                 .kw = 3,
                 .stride = stride,
                 .pads = {dilation, dilation, dilation, dilation},
                 .dilation = dilation},
                stride == 2);
    add({.n = 3, .h = 9, .w = 8, .c = 5, .o = 6, .kh = 3, .kw = 3, .stride = 2, .pads = {0, 0, 1, 1}});
    add({.n = 2, .h = 8, .w = 9, .c = 5, .o = 6, .kh = 5, .kw = 3, .stride = 2, .pads = {1, 0, 2, 3}}, true);
    add({.n = 1, .h = 2, .w = 3, .c = 18, .o = 19, .kh = 3, .kw = 3, .pads = {4, 4, 4, 4}, .dilation = 4});
    add({.n = 2, .h = 12, .w = 7, .c = 3, .o = 16, .kh = 1, .kw = 7, .pads = {0, 3, 0, 3}});
    add({.n = 1, .h = 19, .w = 21, .c = 3, .o = 24, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}});
    // Rows of taps that make runs (conv2d_runs.h): with a leading element and without, several tiles of weights, dilated along the rows
    // alone.
    add_moments({.n = 2, .h = 19, .w = 22, .c = 3, .o = 72, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}}, true);
    add({.n = 1, .h = 9, .w = 8, .c = 6, .o = 16, .kh = 5, .kw = 5, .pads = {2, 2, 2, 2}}, true);
    add({.n = 2, .h = 9, .w = 6, .c = 5, .o = 8, .kh = 3, .kw = 4, .stride = 2, .pads = {0, 1, 1, 3}});
    add({.n = 1, .h = 9, .w = 7, .c = 2, .o = 24, .kh = 3, .kw = 1, .pads = {2, 0, 2, 0}, .dilation = 2});
    add({.n = 2, .h = 7, .w = 7, .c = 20, .o = 33, .stride = 2});
    add({.n = 1, .h = 4, .w = 5, .c = 2, .o = 3, .stride = 3});  // two phases an axis that no tap meets
    add({.n = 1, .h = 9, .w = 9, .c = 4, .o = 5, .kh = 2, .kw = 2, .stride = 3, .pads = {1, 0, 0, 1}});
    add({.n = 1, .h = 1, .w = 3, .c = 16, .o = 16, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}});  // a phase without pixels
    add_moments({.n = 1, .h = 2, .w = 2, .c = 521, .o = 9});                                               // one tile, its sum in parts
    add({.n = 1, .h = 3, .w = 3, .c = 4, .o = 5, .kh = 2, .kw = 2, .stride = 3});  // phases that only rows, or only columns of taps meet
    add({.n = 1, .h = 3, .w = 3, .stride = 3});                                    // phases two beyond the only tap
    // Groups: depthwise, several channels each, a multiplier.
    add({.n = 2, .h = 7, .w = 6, .c = 37, .o = 37, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}, .groups = 37}, true);
    add({.n = 1, .h = 11, .w = 13, .c = 64, .o = 64, .kh = 5, .kw = 5, .stride = 2, .pads = {1, 2, 2, 2}, .groups = 64});
    add({.n = 1, .h = 8, .w = 8, .c = 19, .o = 19, .kh = 5, .kw = 5, .pads = {4, 4, 4, 4}, .dilation = 2, .groups = 19});
    add({.n = 1, .h = 6, .w = 7, .c = 12, .o = 24, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}, .groups = 3}, true);
    add({.n = 2, .h = 5, .w = 5, .c = 6, .o = 18, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}, .groups = 6});
    add({.n = 1, .h = 5, .w = 4, .c = 32, .o = 32, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}, .groups = 2});
    // Few tiles with long sums, which a grid of blocks shares.
    add_moments({.n = 1, .h = 5, .w = 4, .c = 64, .o = 72, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, true);
    add_moments({.n = 2, .h = 17, .w = 16, .c = 8, .o = 8, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, true);
    add_moments({.n = 2, .h = 17, .w = 16, .c = 3, .o = 9, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}});
    // Rows in three parts of 64, more columns than a tile has.
    add_moments({.n = 1, .h = 16, .w = 12, .c = 64, .o = 136});
    // A tile and less of every kernel, several of columns and of rows, ragged ones, sums in parts, a part of one row, dilated.
    constexpr Activation none = Activation::none, relu = Activation::relu, relu6 = Activation::relu6, prelu = Activation::prelu;
    const auto add_sums = [&](Problem s, Activation activation) { list.push_back(make_sums_case(s, activation)); };
    add_sums({.c = 2, .o = 3}, prelu);
    add_sums({.n = 1, .h = 5, .w = 13, .c = 7, .o = 5, .kh = 3, .kw = 2, .pads = {1, 1, 1, 0}}, relu);
    add_sums({.n = 2, .h = 6, .w = 11, .c = 65, .o = 20}, prelu);
    add_sums({.n = 1, .h = 16, .w = 12, .c = 136, .o = 64}, prelu);
    add_sums({.n = 1, .h = 13, .w = 10, .c = 72, .o = 40, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2}, relu6);
    add_sums({.n = 1, .h = 5, .w = 4, .c = 72, .o = 64, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, none);
    add_sums({.n = 1, .h = 9, .w = 7, .c = 20, .o = 521}, prelu);
    // One channel in and out: the upsampling heads seen from behind.
    add({.n = 2, .h = 17, .w = 21, .c = 1, .o = 1, .kh = 8, .kw = 8, .stride = 4, .pads = {2, 2, 2, 2}});
    // The same with few taps and many lines, with inputs that no window meets, and dilated.
    add({.n = 60, .h = 5, .w = 4, .c = 1, .o = 1, .kh = 3, .kw = 2, .pads = {1, 0, 1, 1}}, true);
    add({.n = 1, .h = 9, .w = 7, .c = 1, .o = 1, .kh = 2, .kw = 3, .stride = 4, .pads = {1, 1, 1, 0}}, true);
    add({.n = 1, .h = 6, .w = 7, .c = 1, .o = 1, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2});
    for (const Layer& layer : network_layers()) list.push_back(make_case(layer.problem, layer.bias, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>,
                                                      .forward_moments = erase<reference_forward_moments>,
                                                      .gives_moments = [](const Problem& s, bool) { return s.has_moments(); },
                                                      .backward_data = erase<reference_backward_data>,
                                                      .backward_data_sums = erase<reference_backward_data_sums>,
                                                      .gives_gradient_sums = [](const Problem& s) { return s.has_gradient_sums(); },
                                                      .backward_weights = erase<reference_backward_weights>});
    return record::add({.name = "conv2d", .formula = "y = conv(x, weight) + bias: stride, pads, dilation, groups", .cases = cases});
}();

}  // namespace
}  // namespace purnet::conv2d
