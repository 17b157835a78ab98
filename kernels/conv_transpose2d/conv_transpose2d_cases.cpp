// The record of conv_transpose2d: the formulas of conv_transpose2d.h as scalar loops in float64.
#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/record/winograd_bound.h"
#include "kernels/record/workspace.h"

namespace purnet::conv_transpose2d {
namespace {

using namespace record;

// Calls body(flat index of x, of y, of weight) for every product inside the window.
template <class Body>
void each_product(const Problem& s, Body&& body) {
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t i = 0; i < s.h; ++i)
            for (int64_t j = 0; j < s.w; ++j)
                for (int64_t ky = 0; ky < s.kh; ++ky)
                    for (int64_t kx = 0; kx < s.kw; ++kx) {
                        const int64_t p = i * s.stride + ky - s.crop_top, q = j * s.stride + kx - s.crop_left;
                        if (p < 0 || p >= s.out_h || q < 0 || q >= s.out_w) continue;
                        for (int64_t c = 0; c < s.c; ++c)
                            for (int64_t o = 0; o < s.o; ++o)
                                body(((n * s.h + i) * s.w + j) * s.c + c, ((n * s.out_h + p) * s.out_w + q) * s.o + o,
                                     ((c * s.kh + ky) * s.kw + kx) * s.o + o);
                    }
}

void reference_forward(const Problem& s, const double* x, const double* weight, const double* bias, double* y, void*, const Context&) {
    for (int64_t i = 0; i < s.y_count(); ++i) y[i] = bias ? bias[i % s.o] : 0;
    each_product(s, [&](int64_t at_x, int64_t at_y, int64_t at_w) { y[at_y] += weight[at_w] * x[at_x]; });
}

void reference_backward_data(const Problem& s, const double* dy, const double* weight, double* dx, void*, const Context&) {
    for (int64_t i = 0; i < s.x_count(); ++i) dx[i] = 0;
    each_product(s, [&](int64_t at_x, int64_t at_y, int64_t at_w) { dx[at_x] += weight[at_w] * dy[at_y]; });
}

void reference_backward_weights(const Problem& s, const double* x, const double* dy, double* dweight, double* dbias, void*,
                                const Context&) {
    if (dweight) {
        for (int64_t i = 0; i < s.weight_count(); ++i) dweight[i] = 0;
        each_product(s, [&](int64_t at_x, int64_t at_y, int64_t at_w) { dweight[at_w] += x[at_x] * dy[at_y]; });
    }
    if (!dbias) return;
    for (int64_t o = 0; o < s.o; ++o) dbias[o] = 0;
    for (int64_t i = 0; i < s.y_count(); ++i) dbias[i % s.o] += dy[i];
}

bool forward_magnitude(const Problem& s, Key key, const Pointers& p, bool bias) {
    auto* y = static_cast<double*>(p[2]);
    if (key.device != DeviceType::cpu ||
        !winograd_bound(adjoint(s), Pass::backward_data, static_cast<const double*>(p[0]), static_cast<const double*>(p[1]), y))
        return false;
    if (bias)
        for (int64_t i = 0; i < s.y_count(); ++i) y[i] += static_cast<const double*>(p[4])[i % s.o];
    return true;
}

Operand workspace_operand(const Problem& s, Pass pass) {
    return workspace_of_twins([&](Key key) { return conv_transpose2d::workspace(key, s, pass); });
}

Case make_case(const Problem& s, bool bias, bool real_layer) {
    check(s);
    const std::vector<int64_t> x_shape{s.n, s.h, s.w, s.c}, y_shape{s.n, s.out_h, s.out_w, s.o}, weight_shape{s.c, s.kh, s.kw, s.o};
    const int64_t taps = ((s.kh + s.stride - 1) / s.stride) * ((s.kw + s.stride - 1) / s.stride);
    Direction forward{.name = "forward",
                      .operands = {{"x", Role::input, Kind::activation, x_shape},
                                   {.name = "weight",
                                    .kind = Kind::activation,
                                    .shape = weight_shape,
                                    .multiple = conv2d::winograd_multiple(adjoint(s), Pass::backward_data)},
                                   {"y", Role::output, Kind::activation, y_shape},
                                   workspace_operand(s, Pass::forward)},
                      .run =
                          [s, bias](Key key, const Pointers& p, const Context& c) {
                              table().get(&Kernels::forward, "forward", key)(s, p[0], p[1], bias ? p[4] : nullptr, p[2], p[3], c);
                          },
                      .available = [](Key key) { return table().has(&Kernels::forward, key); },
                      .flops = s.flops(),
                      .multilinear = true,
                      .reduction = taps * s.c + bias,
                      .magnitude = [s, bias](Key key, const Pointers& p) { return forward_magnitude(s, key, p, bias); }};
    if (bias) forward.operands.push_back({"bias", Role::input, Kind::parameter, {s.o}});
    Direction data{
        .name = "backward_data",
        .operands = {{"dy", Role::input, Kind::activation, y_shape},
                     {"weight", Role::input, Kind::activation, weight_shape},
                     {"dx", Role::output, Kind::activation, x_shape},
                     workspace_operand(s, Pass::backward_data)},
        .run = [s](Key key, const Pointers& p,
                   const Context& c) { table().get(&Kernels::backward_data, "backward_data", key)(s, p[0], p[1], p[2], p[3], c); },
        .available = [](Key key) { return table().has(&Kernels::backward_data, key); },
        .flops = s.flops(),
        .multilinear = true,
        .reduction = s.kh * s.kw * s.o};
    Direction weights{.name = "backward_weights",
                      .operands = {{"x", Role::input, Kind::activation, x_shape},
                                   {"dy", Role::input, Kind::activation, y_shape},
                                   {"dweight", Role::output, Kind::parameter, weight_shape},
                                   workspace_operand(s, Pass::backward_weights)},
                      .run =
                          [s, bias](Key key, const Pointers& p, const Context& c) {
                              table().get(&Kernels::backward_weights, "backward_weights", key)(s, p[0], p[1], p[2], bias ? p[4] : nullptr,
                                                                                               p[3], c);
                          },
                      .available = [](Key key) { return table().has(&Kernels::backward_weights, key); },
                      .flops = s.flops(),
                      .multilinear = true,
                      .reduction = s.n * s.h * s.w};
    // dbias sums over the window, which has more pixels than x.
    if (bias) {
        weights.operands.push_back({"dbias", Role::output, Kind::parameter, {s.o}});
        weights.reduction = std::max(weights.reduction, s.n * s.out_h * s.out_w);
    }
    const std::string label = concat("n", s.n, " h", s.h, " w", s.w, " c", s.c, " o", s.o, " k", s.kh, "x", s.kw, " s", s.stride, " crop",
                                     s.crop_top, ",", s.crop_left, " to", s.out_h, "x", s.out_w, bias ? " bias" : "");
    return {label, real_layer, {std::move(forward), std::move(data), std::move(weights)}};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const auto add = [&](Problem s, bool bias = false) { list.push_back(make_case(s, bias, false)); };
    add({});
    add({.n = 1, .h = 1, .w = 1, .c = 5, .o = 7, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 1, .out_w = 2},
        true);
    // The decoder's form at odd sizes: 4x4 stride 2, from row 1, column 1, to 2h or 2h - 1.
    for (int64_t channels : {3, 16, 19, 33})
        add({.n = 2,
             .h = 3,
             .w = 5,
             .c = channels,
             .o = 49 - channels,
             .kh = 4,
             .kw = 4,
             .stride = 2,
             .crop_top = 1,
             .crop_left = 1,
             .out_h = 6,
             .out_w = 9},
            channels % 2);
    for (int64_t width : {1, 2, 7, 13})
        add({.n = 1,
             .h = 4,
             .w = width,
             .c = 17,
             .o = 16,
             .kh = 4,
             .kw = 4,
             .stride = 2,
             .crop_top = 1,
             .crop_left = 1,
             .out_h = 7,
             .out_w = 2 * width});
    // Enough of both channels for Winograd on the CPU: crops of every parity, results that end within a tile, bias.
    for (int crop : {0, 1, 2, 3})
        add({.n = 2,
             .h = 5 + crop,
             .w = 11 - crop,
             .c = 20 + crop,
             .o = 32,
             .kh = 4,
             .kw = 4,
             .stride = 2,
             .crop_top = crop,
             .crop_left = 3 - crop,
             .out_h = 10 + crop,
             .out_w = 19 - crop},
            crop % 2);
    // No crop, kernels that are not square, stride above the kernel (holes), stride 1 and 3.
    add({.n = 1, .h = 4, .w = 3, .c = 6, .o = 5, .kh = 4, .kw = 4, .stride = 2, .out_h = 10, .out_w = 8}, true);
    add({.n = 2, .h = 3, .w = 4, .c = 5, .o = 18, .kh = 2, .kw = 3, .stride = 3, .crop_top = 0, .crop_left = 2, .out_h = 8, .out_w = 9});
    add({.n = 1, .h = 5, .w = 4, .c = 4, .o = 9, .kh = 3, .kw = 2, .stride = 1, .crop_top = 2, .crop_left = 0, .out_h = 3, .out_w = 5});
    // One-channel heads: kernel k, stride k/2, from k/4.
    for (int k : {8, 16, 32})
        add({.n = 2,
             .h = 5,
             .w = 3,
             .c = 1,
             .o = 1,
             .kh = k,
             .kw = k,
             .stride = k / 2,
             .crop_top = k / 4,
             .crop_left = k / 4,
             .out_h = 5 * k / 2 - 1,
             .out_w = 3 * k / 2},
            k == 8);
    const auto layer = [&](int64_t size, int64_t channels, int k, int stride, int crop, int64_t out) {
        list.push_back(make_case({.n = 1,
                                  .h = size,
                                  .w = size,
                                  .c = channels,
                                  .o = channels,
                                  .kh = k,
                                  .kw = k,
                                  .stride = stride,
                                  .crop_top = crop,
                                  .crop_left = crop,
                                  .out_h = out,
                                  .out_w = out},
                                 false, true));
    };
    layer(20, 128, 4, 2, 1, 40);
    layer(40, 128, 4, 2, 1, 80);
    layer(80, 1, 8, 4, 2, 320);
    layer(40, 1, 16, 8, 4, 320);
    layer(20, 1, 32, 16, 8, 320);
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>,
                                                      .backward_data = erase<reference_backward_data>,
                                                      .backward_weights = erase<reference_backward_weights>});
    return record::add({.name = "conv_transpose2d", .formula = "y = window of conv_transpose(x, weight) + bias", .cases = cases});
}();

}  // namespace
}  // namespace purnet::conv_transpose2d
