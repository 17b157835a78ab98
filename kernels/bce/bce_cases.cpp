#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/bce/bce.h"
#include "kernels/binary/binary.h"
#include "kernels/record/operands.h"
#include "kernels/record/workspace.h"

namespace purnet::bce {
namespace {

using namespace record;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

void reference_forward(const Problem& p, const double* z, const double* g, const double* ze, double* loss, double* dz, double* dze, void*,
                       const Context&) {
    const double n = static_cast<double>(p.count);
    *loss = 0;
    for (int64_t i = 0; i < p.count; ++i) {
        double inside = sigmoid(z[i]), outside = sigmoid(-z[i]);  // p and 1 - p
        const bool clamped = p.clamp && (inside < clamp_margin || outside < clamp_margin);
        // Logarithms of small probabilities go through their exponents: ln p = -ln(1 + e^-z).
        double b;
        if (clamped) {
            inside = std::clamp(inside, clamp_margin, 1 - clamp_margin);
            b = -g[i] * std::log(inside) - (1 - g[i]) * std::log1p(-inside);
        } else {
            const double minus_ln_p = z[i] > 0 ? std::log1p(std::exp(-z[i])) : std::log1p(std::exp(z[i])) - z[i];
            const double minus_ln_q = z[i] > 0 ? std::log1p(std::exp(-z[i])) + z[i] : std::log1p(std::exp(z[i]));
            b = g[i] * minus_ln_p + (1 - g[i]) * minus_ln_q;
        }
        const double t = p.weight == Weight::none ? 0 : std::tanh(ze[i]);
        const double w = 1 + std::fabs(t);
        *loss += w * b / n;
        if (dz) dz[i] = clamped ? 0 : w * ((1 - g[i]) * inside - g[i] * outside) / n;
        if (dze && p.weight == Weight::flowing) {
            const double sign = ze[i] > 0 ? 1 : ze[i] < 0 ? -1 : 0;
            dze[i] = b * sign / std::pow(std::cosh(ze[i]), 2) / n;
        }
    }
}

Case make_case(int64_t count, Weight weight, bool clamp, double scale, bool real_layer = false, Fill error = Fill::any) {
    const Problem p{count, weight, clamp};
    const char* names[] = {"none", "fixed", "flowing"};
    const bool weighted = weight != Weight::none, flowing = weight == Weight::flowing;
    Operand z = input("z", {count}, Fill::any, scale), g = constant(input("g", {count}, Fill::probability)),
            ze = input("ze", {count}, error, scale / 4);
    Case c{.label = concat("n", count, " ", names[static_cast<int>(weight)], clamp ? " clamp" : "", " scale", scale,
                           error == Fill::zero ? " no error" : ""),
           .real_layer = real_layer};
    std::vector<Operand> forward{z, g}, backward{z, g};
    if (weighted) {
        forward.push_back(ze);
        backward.push_back(ze);
    }
    forward.push_back(parameter(output("loss", {1})));
    forward.push_back(workspace(workspace_bytes(count)));
    backward.push_back(parameter(input("dloss", {1})));
    backward.push_back(output("dz", {count}));
    if (flowing) backward.push_back(output("dze", {count}));
    const size_t sums = aligned_up(workspace_bytes(count) + sizeof(double)), unit = aligned_up(static_cast<size_t>(count) * sizeof(double));
    backward.push_back(workspace(sums + 2 * unit));
    const int k = weighted ? 1 : 0;
    const double flops = 60 * static_cast<double>(count);
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], weighted ? at[2] : nullptr, at[2 + k],
                                                                                   nullptr, nullptr, at[3 + k], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = flops});
    // As core/ops does it: the gradients of the loss, made beside it, times dloss.
    c.directions.push_back(
        {.name = "backward",
         .operands = backward,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 auto* scratch = static_cast<char*>(at.back());
                 void *unit_dz = scratch + sums, *unit_dze = flowing ? scratch + sums + unit : nullptr;
                 table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], weighted ? at[2] : nullptr, scratch, unit_dz, unit_dze,
                                                                scratch + sizeof(double), context);
                 const binary::Problem scale_by{binary::Operation::mul, binary::Broadcast::scalar, 1, count, 1, true};
                 const auto scale = binary::table().get(&binary::Kernels::forward, "forward", key);
                 scale(scale_by, unit_dz, at[2 + k], at[3 + k], context);
                 if (flowing) scale(scale_by, unit_dze, at[2 + k], at[4 + k], context);
             },
         .available = [](Key key) { return table().has(&Kernels::forward, key) && binary::table().has(&binary::Kernels::forward, key); },
         .flops = flops});
    c.gradient = (!clamp || scale < 9) && (!flowing || (count < 2000 && error != Fill::zero));  // the clamp and |tanh ze| have kinks
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (Weight w : {Weight::none, Weight::fixed, Weight::flowing})
        for (bool clamp : {false, true}) {
            for (int64_t count : {1, 7, 255, 259}) list.push_back(make_case(count, w, clamp, 4));
            list.push_back(make_case(10007, w, clamp, 20));
            list.push_back(make_case(1031, w, clamp, 80));
        }
    list.push_back(make_case(37, Weight::flowing, false, 4, false, Fill::zero));
    list.push_back(make_case(4 * 320 * 320, Weight::fixed, false, 4, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add({.name = "bce", .formula = "loss = mean of (1 + |tanh ze|) BCE(sigmoid(z), g), with its gradient", .cases = cases});
}();

}  // namespace
}  // namespace purnet::bce
