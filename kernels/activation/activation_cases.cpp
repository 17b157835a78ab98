#include <cmath>

#include "kernels/activation/activation.h"
#include "kernels/record/operands.h"

namespace purnet::activation {
namespace {

using namespace record;

void reference_forward(const Problem& p, const double* x, const double* slope, double* y, const Context&) {
    for (int64_t i = 0; i < p.count; ++i) {
        const double v = x[i];
        switch (p.function) {
            case Activation::none: y[i] = v; break;
            case Activation::relu: y[i] = std::max(v, 0.0); break;
            case Activation::relu6: y[i] = std::min(std::max(v, 0.0), 6.0); break;
            case Activation::prelu: y[i] = v > 0 ? v : *slope * v; break;
            case Activation::sigmoid: y[i] = 1 / (1 + std::exp(-v)); break;
            case Activation::tanh: y[i] = std::tanh(v); break;
        }
    }
}

void reference_backward(const Problem& p, const double* saved, const double* slope, const double* dy, double* dx, double* dslope, void*,
                        const Context&) {
    double sum = 0;
    for (int64_t i = 0; i < p.count; ++i) {
        const double v = saved[i];
        double derivative = 1;
        switch (p.function) {
            case Activation::none: break;
            case Activation::relu: derivative = v > 0 ? 1 : 0; break;
            case Activation::relu6: derivative = v > 0 && v < 6 ? 1 : 0; break;
            case Activation::prelu:
                derivative = v > 0 ? 1 : *slope;
                sum += dy[i] * std::min(v, 0.0);
                break;
            case Activation::sigmoid: derivative = v * (1 - v); break;
            case Activation::tanh: derivative = 1 - v * v; break;
        }
        if (dx) dx[i] = dy[i] * derivative;
    }
    if (dslope) *dslope = sum;
}

Case make_case(Activation function, int64_t count, double scale, bool real_layer = false) {
    const Problem p{function, count};
    const bool slope = function == Activation::prelu;
    // The outputs of sigmoid and tanh lie within 1 whatever goes in.
    const double saved = function >= Activation::sigmoid ? 1 : scale;
    std::vector<Operand> forward{input("x", {count}, Fill::any, scale)}, backward{input(slope ? "x" : "y", {count}, Fill::any, saved)};
    if (slope) {
        forward.push_back(parameter(input("slope", {1}, Fill::any, 0.25)));
        backward.push_back(parameter(input("slope", {1}, Fill::any, 0.25)));
    }
    forward.push_back(output("y", {count}));
    backward.push_back(input("dy", {count}));
    backward.push_back(output("dx", {count}));
    if (slope) backward.push_back(parameter(output("dslope", {1})));
    backward.push_back(workspace(workspace_bytes(p)));
    Case c{.label = concat(name_of(function), " n", count, scale == 1 ? "" : concat(" scale", scale)), .real_layer = real_layer};
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], slope ? at[1] : nullptr, at[slope ? 2 : 1],
                                                                                   context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = static_cast<double>(count) * (function < Activation::sigmoid ? 2 : 25)});
    c.directions.push_back({.name = "backward",
                            .operands = backward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    const int k = slope ? 1 : 0;
                                    table().get(&Kernels::backward, "backward", key)(p, at[0], slope ? at[1] : nullptr, at[1 + k],
                                                                                     at[2 + k], slope ? at[4] : nullptr, at[3 + 2 * k],
                                                                                     context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::backward, key); },
                            .flops = static_cast<double>(count) * 3});
    c.gradient = function >= Activation::sigmoid || count < 100;
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (Activation f : {Activation::relu, Activation::relu6, Activation::prelu, Activation::sigmoid, Activation::tanh}) {
        for (int64_t count : {1, 7, 16, 33, 257, 100003}) list.push_back(make_case(f, count, 1));
        list.push_back(make_case(f, 61, 9));
        list.push_back(make_case(f, 4 * 80 * 80 * 128, 1, true));
    }
    // Both tails of the transcendental ones.
    for (Activation f : {Activation::sigmoid, Activation::tanh})
        for (double scale : {1e-3, 30.0, 120.0}) list.push_back(make_case(f, 4099, scale));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .backward = erase<reference_backward>});
    return record::add({.name = "activation", .formula = "y = relu, relu6, prelu, sigmoid or tanh of x", .cases = cases});
}();

}  // namespace
}  // namespace purnet::activation
