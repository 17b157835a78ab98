// The record of linear: the formulas of linear.h as scalar loops in float64.
#include "kernels/linear/linear.h"
#include "kernels/record/workspace.h"

namespace purnet::linear {
namespace {

using namespace record;

void reference_forward(const Problem& s, const double* x, const double* weight, const double* bias, double* y, void*, const Context&) {
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t o = 0; o < s.o; ++o) {
            double sum = bias ? bias[o] : 0;
            for (int64_t i = 0; i < s.i; ++i) sum += x[n * s.i + i] * weight[o * s.i + i];
            y[n * s.o + o] = sum;
        }
}

void reference_backward_data(const Problem& s, const double* dy, const double* weight, double* dx, void*, const Context&) {
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t i = 0; i < s.i; ++i) {
            double sum = 0;
            for (int64_t o = 0; o < s.o; ++o) sum += dy[n * s.o + o] * weight[o * s.i + i];
            dx[n * s.i + i] = sum;
        }
}

void reference_backward_weights(const Problem& s, const double* x, const double* dy, double* dweight, double* dbias, void*,
                                const Context&) {
    for (int64_t o = 0; o < s.o; ++o) {
        for (int64_t i = 0; dweight && i < s.i; ++i) {
            double sum = 0;
            for (int64_t n = 0; n < s.n; ++n) sum += dy[n * s.o + o] * x[n * s.i + i];
            dweight[o * s.i + i] = sum;
        }
        if (!dbias) continue;
        dbias[o] = 0;
        for (int64_t n = 0; n < s.n; ++n) dbias[o] += dy[n * s.o + o];
    }
}

Operand workspace_operand(const Problem& s, Pass pass) {
    return workspace_of_twins([&](Key key) { return linear::workspace(key, s, pass); });
}

Case make_case(const Problem& s, bool bias) {
    const double flops = 2.0 * static_cast<double>(s.n) * static_cast<double>(s.i) * static_cast<double>(s.o);
    Direction forward{.name = "forward",
                      .operands = {{"x", Role::input, Kind::activation, {s.n, s.i}},
                                   {"weight", Role::input, Kind::activation, {s.o, s.i}},
                                   {"y", Role::output, Kind::activation, {s.n, s.o}},
                                   workspace_operand(s, Pass::forward)},
                      .run =
                          [s, bias](Key key, const Pointers& p, const Context& c) {
                              table().get(&Kernels::forward, "forward", key)(s, p[0], p[1], bias ? p[4] : nullptr, p[2], p[3], c);
                          },
                      .available = [](Key key) { return table().has(&Kernels::forward, key); },
                      .flops = flops,
                      .multilinear = true,
                      .reduction = s.i + bias};
    if (bias) forward.operands.push_back({"bias", Role::input, Kind::parameter, {s.o}});
    Direction data{
        .name = "backward_data",
        .operands = {{"dy", Role::input, Kind::activation, {s.n, s.o}},
                     {"weight", Role::input, Kind::activation, {s.o, s.i}},
                     {"dx", Role::output, Kind::activation, {s.n, s.i}},
                     workspace_operand(s, Pass::backward_data)},
        .run = [s](Key key, const Pointers& p,
                   const Context& c) { table().get(&Kernels::backward_data, "backward_data", key)(s, p[0], p[1], p[2], p[3], c); },
        .available = [](Key key) { return table().has(&Kernels::backward_data, key); },
        .flops = flops,
        .multilinear = true,
        .reduction = s.o};
    Direction weights{.name = "backward_weights",
                      .operands = {{"x", Role::input, Kind::activation, {s.n, s.i}},
                                   {"dy", Role::input, Kind::activation, {s.n, s.o}},
                                   {"dweight", Role::output, Kind::parameter, {s.o, s.i}},
                                   workspace_operand(s, Pass::backward_weights)},
                      .run =
                          [s, bias](Key key, const Pointers& p, const Context& c) {
                              table().get(&Kernels::backward_weights, "backward_weights", key)(s, p[0], p[1], p[2], bias ? p[4] : nullptr,
                                                                                               p[3], c);
                          },
                      .available = [](Key key) { return table().has(&Kernels::backward_weights, key); },
                      .flops = flops,
                      .multilinear = true,
                      .reduction = s.n};
    if (bias) weights.operands.push_back({"dbias", Role::output, Kind::parameter, {s.o}});
    return {concat("n", s.n, " i", s.i, " o", s.o, bias ? " bias" : ""),
            s.i == 2048,
            {std::move(forward), std::move(data), std::move(weights)}};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const Problem& s : std::vector<Problem>{{}, {1, 17, 1}, {3, 1, 5}, {2, 31, 33}, {7, 64, 10}, {13, 130, 65}, {1, 300, 257}})
        for (bool bias : {false, true}) list.push_back(make_case(s, bias));
    list.push_back(make_case({4, 2048, 1000}, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>,
                                                      .backward_data = erase<reference_backward_data>,
                                                      .backward_weights = erase<reference_backward_weights>});
    return record::add({.name = "linear", .formula = "y = x weight^T + bias", .cases = cases});
}();

}  // namespace
}  // namespace purnet::linear
