#include <cmath>
#include <vector>

#include "kernels/binary/binary.h"
#include "kernels/error_loss/error_loss.h"
#include "kernels/record/operands.h"
#include "kernels/record/workspace.h"

namespace purnet::error_loss {
namespace {

using namespace record;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }
// ln sigmoid(z), without the overflow of e^-z.
double log_sigmoid(double z) { return z > 0 ? -std::log1p(std::exp(-z)) : z - std::log1p(std::exp(z)); }
double times_log(double t) { return t > 0 ? t * std::log(t) : 0; }

void reference_forward(const Problem& p, const double* ze, const double* zo, const double* g, double* loss, double* dze, void*,
                       const Context&) {
    const double n = static_cast<double>(p.count);
    *loss = 0;
    for (int64_t i = 0; i < p.count; ++i) {
        const double t = (g[i] + sigmoid(-zo[i])) / 2, rest = (1 - g[i] + sigmoid(zo[i])) / 2;
        const double x = 2 * ze[i];
        if (p.form == Form::bce) {
            *loss += (-t * log_sigmoid(x) - rest * log_sigmoid(-x)) / n;
            if (dze) dze[i] = 2 * (rest * sigmoid(x) - t * sigmoid(-x)) / n;
        } else {
            *loss += (times_log(t) - t * log_sigmoid(x)) / n;
            if (dze) dze[i] = -2 * t * sigmoid(-x) / n;
        }
    }
}

void reference_entropy(int64_t count, const double* zo, const double* g, double* entropy, void*, const Context&) {
    *entropy = 0;
    for (int64_t i = 0; i < count; ++i)
        *entropy -= (times_log((g[i] + sigmoid(-zo[i])) / 2) + times_log((1 - g[i] + sigmoid(zo[i])) / 2)) / static_cast<double>(count);
}

Case make_case(int64_t count, Form form, double scale, bool real_layer = false, Fill mask = Fill::probability) {
    const Problem p{count, form};
    const std::vector<Operand> inputs{input("ze", {count}, Fill::any, scale), constant(input("zo", {count}, Fill::any, scale)),
                                      constant(input("g", {count}, mask))};
    std::vector<Operand> forward = inputs, backward = inputs, entropy{inputs[1], inputs[2]};
    forward.push_back(parameter(output("loss", {1})));
    forward.push_back(workspace(workspace_bytes(count)));
    backward.push_back(parameter(input("dloss", {1})));
    backward.push_back(output("dze", {count}));
    const size_t sums = aligned_up(workspace_bytes(count) + sizeof(double));
    backward.push_back(workspace(sums + static_cast<size_t>(count) * sizeof(double)));
    entropy.push_back(parameter(output("entropy", {1})));
    entropy.push_back(workspace(workspace_bytes(count)));
    const double flops = 80 * static_cast<double>(count);
    Case c{.label = concat(form == Form::bce ? "bce" : "kl", " n", count, " scale", scale, mask == Fill::zero ? " black" : ""),
           .real_layer = real_layer};
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], at[3], nullptr, at[4], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = flops});
    c.directions.push_back(
        {.name = "backward",
         .operands = backward,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 auto* scratch = static_cast<char*>(at[5]);
                 table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], scratch, scratch + sums, scratch + sizeof(double),
                                                                context);
                 binary::table().get(&binary::Kernels::forward, "forward", key)(
                     {binary::Operation::mul, binary::Broadcast::scalar, 1, count, 1, true}, scratch + sums, at[3], at[4], context);
             },
         .available = [](Key key) { return table().has(&Kernels::forward, key) && binary::table().has(&binary::Kernels::forward, key); },
         .flops = flops});
    c.directions.push_back(
        {.name = "entropy",
         .operands = entropy,
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::entropy, "entropy", key)(count, at[0], at[1], at[2], at[3], context); },
         .available = [](Key key) { return table().has(&Kernels::entropy, key); },
         .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (Form form : {Form::bce, Form::kl}) {
        for (int64_t count : {1, 7, 255, 259}) list.push_back(make_case(count, form, 3));
        list.push_back(make_case(10007, form, 12));
        list.push_back(make_case(1031, form, 60));
        list.push_back(make_case(65, form, 250, false, Fill::zero));  // targets of 0 in float32: t ln t = 0
    }
    list.push_back(make_case(4 * 320 * 320, Form::bce, 3, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .entropy = erase<reference_entropy>});
    return record::add({.name = "error_loss",
                        .formula = "loss = mean BCE or KL of sigmoid(2 ze) against (g - sigmoid(zo) + 1) / 2, with its gradient",
                        .cases = cases});
}();

}  // namespace
}  // namespace purnet::error_loss
