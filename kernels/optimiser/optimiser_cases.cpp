#include <cmath>

#include "kernels/optimiser/optimiser.h"
#include "kernels/record/operands.h"

namespace purnet::optimiser {
namespace {

using namespace record;

const double* in(const void* p) { return static_cast<const double*>(p); }
double* out(void* p) { return static_cast<double*>(p); }

void reference_sgd(const Sgd& k, const void* rate, const int32_t* proceed, const void* g, void* v, void* p, const Context&) {
    if (proceed && *proceed == 0) return;
    for (int64_t i = 0; i < k.count; ++i) {
        out(v)[i] = k.momentum * out(v)[i] + in(g)[i] + k.decay * out(p)[i];
        out(p)[i] -= *in(rate)*out(v)[i];
    }
}

void reference_adamw(const Adamw& k, const void* rate, const int32_t* step, const int32_t* proceed, const void* g, void* m, void* s,
                     void* p, const Context&) {
    if (proceed && *proceed == 0) return;
    for (int64_t i = 0; i < k.count; ++i) {
        out(m)[i] = k.beta1 * out(m)[i] + (1 - k.beta1) * in(g)[i];
        out(s)[i] = k.beta2 * out(s)[i] + (1 - k.beta2) * in(g)[i] * in(g)[i];
        const double mean = out(m)[i] / (1 - std::pow(k.beta1, *step)), square = out(s)[i] / (1 - std::pow(k.beta2, *step));
        out(p)[i] = out(p)[i] * (1 - *in(rate)*k.decay) - *in(rate)*mean / (std::sqrt(square) + k.eps);
    }
}

void reference_ema(const Ema& k, const int32_t* proceed, const void* p, void* a, const Context&) {
    if (proceed && *proceed == 0) return;
    for (int64_t i = 0; i < k.count; ++i) out(a)[i] = k.keep * out(a)[i] + (1 - k.keep) * in(p)[i];
}

Operand updated(std::string name, int64_t count, Fill fill = Fill::any) {
    Operand operand = parameter(input(std::move(name), {count}, fill));
    operand.role = Role::updated;
    return operand;
}

Case make_case(int64_t count, bool real_layer = false) {
    const Sgd sgd{count, 0.9, 5e-4};
    const Adamw adamw{.count = count, .decay = 0.05};
    const Ema ema{count, 0.99};
    const Operand rate = parameter(input("rate", {1}, Fill::positive, 1e-2)), g = parameter(input("g", {count}));
    const Operand proceed = labels("proceed", {1}, 2);  // 0 or 1, by the case
    const double n = static_cast<double>(count);
    Case c{.label = concat("n", count), .real_layer = real_layer};
    c.directions.push_back(
        {.name = "sgd",
         .operands = {rate, g, updated("v", count), updated("p", count)},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::sgd, "sgd", key)(sgd, at[0], nullptr, at[1], at[2], at[3], context); },
         .available = [](Key key) { return table().has(&Kernels::sgd, key); },
         .flops = 6 * n,
         .bytes = 20 * n});
    c.directions.push_back({.name = "sgd_guarded",
                            .operands = {rate, proceed, g, updated("v", count), updated("p", count)},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::sgd, "sgd", key)(sgd, at[0], static_cast<const int32_t*>(at[1]), at[2], at[3],
                                                                           at[4], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::sgd, key); },
                            .flops = 6 * n,
                            .bytes = 20 * n});
    const Operand step{.name = "step", .kind = Kind::int32, .shape = {1}, .fill = Fill::positive, .scale = 6};  // 3 to 8
    c.directions.push_back({.name = "adamw",
                            .operands = {rate, step, g, updated("m", count), updated("s", count, Fill::positive), updated("p", count)},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::adamw, "adamw", key)(adamw, at[0], static_cast<const int32_t*>(at[1]), nullptr,
                                                                               at[2], at[3], at[4], at[5], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::adamw, key); },
                            .flops = 16 * n,
                            .bytes = 28 * n});
    c.directions.push_back(
        {.name = "adamw_guarded",
         .operands = {rate, step, proceed, g, updated("m", count), updated("s", count, Fill::positive), updated("p", count)},
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 table().get(&Kernels::adamw, "adamw", key)(adamw, at[0], static_cast<const int32_t*>(at[1]),
                                                            static_cast<const int32_t*>(at[2]), at[3], at[4], at[5], at[6], context);
             },
         .available = [](Key key) { return table().has(&Kernels::adamw, key); },
         .flops = 16 * n,
         .bytes = 28 * n});
    c.directions.push_back({.name = "ema_guarded",
                            .operands = {proceed, parameter(input("p", {count})), updated("a", count)},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::ema, "ema", key)(ema, static_cast<const int32_t*>(at[0]), at[1], at[2], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::ema, key); },
                            .flops = 3 * n,
                            .bytes = 12 * n});
    c.directions.push_back(
        {.name = "ema",
         .operands = {parameter(input("p", {count})), updated("a", count)},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::ema, "ema", key)(ema, nullptr, at[0], at[1], context); },
         .available = [](Key key) { return table().has(&Kernels::ema, key); },
         .flops = 3 * n,
         .bytes = 12 * n});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (int64_t count : {1, 7, 16, 37, 1031, 100003}) list.push_back(make_case(count));
    list.push_back(make_case(35528122, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.sgd = reference_sgd, .adamw = reference_adamw, .ema = reference_ema});
    return record::add({.name = "optimiser",
                        .formula = "SGD with momentum, AdamW, exponential average of a flat buffer",
                        .cases = cases,
                        .gradient = false});
}();

}  // namespace
}  // namespace purnet::optimiser
