#include <cmath>

#include "kernels/optimiser/optimiser.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"

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

void reference_ema(int64_t count, const void* share, const int32_t* proceed, const void* p, void* a, const Context&) {
    if (proceed && *proceed == 0) return;
    for (int64_t i = 0; i < count; ++i) out(a)[i] = (1 - *in(share)) * out(a)[i] + *in(share)*in(p)[i];
}

void reference_average_share(double keep, const int32_t* proceed, int32_t* updates, void* share, const Context&) {
    if (proceed && *proceed == 0) return;
    const double rising = (1.0 + *updates) / (10.0 + *updates);
    *out(share) = rising < keep ? 1 - rising : 1 - keep;
    *updates += 1;
}

void reference_clip_factor(double max_norm, const void* square, void* factor, const Context&) {
    *out(factor) = std::isfinite(*in(square)) ? std::fmin(1, max_norm / std::sqrt(*in(square))) : 1;
}

void reference_restore(int64_t count, const int32_t* proceed, const void* w, void* p, const Context&) {
    for (int64_t i = 0; i < count; ++i)
        if (*proceed == 0) out(p)[i] = in(w)[i];
}

Operand updated(std::string name, int64_t count, Fill fill = Fill::any) {
    Operand operand = parameter(input(std::move(name), {count}, fill));
    operand.role = Role::updated;
    return operand;
}

Case make_case(int64_t count, bool real_layer = false, double momentum = 0.9, double decay = 1) {
    const Sgd sgd{count, momentum, 5e-4 * decay};
    const Adamw adamw{.count = count, .beta1 = momentum, .decay = 0.05 * decay};
    const Operand rate = parameter(input("rate", {1}, Fill::positive, 1e-2)), g = parameter(input("g", {count}));
    const Operand proceed = labels("proceed", {1}, 2);  // 0 or 1, by the case
    const double n = static_cast<double>(count);
    Case c{.label = concat("n", count), .real_layer = real_layer};
    if (momentum != 0.9 || decay != 1) c.label += concat(" momentum", momentum, " decay", decay);
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
    const Operand share = parameter(input("share", {1}, Fill::positive, 1e-2));
    c.directions.push_back({.name = "ema_guarded",
                            .operands = {share, proceed, parameter(input("p", {count})), updated("a", count)},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::ema, "ema", key)(count, at[0], static_cast<const int32_t*>(at[1]), at[2], at[3],
                                                                           context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::ema, key); },
                            .flops = 3 * n,
                            .bytes = 12 * n});
    c.directions.push_back(
        {.name = "ema",
         .operands = {share, parameter(input("p", {count})), updated("a", count)},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::ema, "ema", key)(count, at[0], nullptr, at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::ema, key); },
         .flops = 3 * n,
         .bytes = 12 * n});
    c.directions.push_back({.name = "restore",
                            .operands = {proceed, parameter(input("w", {count})), updated("p", count)},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::restore, "restore", key)(count, static_cast<const int32_t*>(at[0]), at[1], at[2],
                                                                                   context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::restore, key); },
                            .flops = 0,
                            .bytes = 12 * n});
    return c;
}

// The scalars, on either side of each minimum.
Case scalar_case(int64_t updates_below, double max_norm) {
    Operand updates = labels("updates", {1}, updates_below);
    updates.role = Role::updated;
    Case c{.label = concat("scalars updates", updates_below, " max", max_norm)};
    for (const bool guarded : {false, true})
        c.directions.push_back({.name = guarded ? "average_share_guarded" : "average_share",
                                .operands = {labels("proceed", {1}, 2), updates, updated("share", 1)},
                                .run =
                                    [guarded](Key key, const Pointers& at, const Context& context) {
                                        table().get(&Kernels::average_share, "average_share", key)(
                                            0.6, guarded ? static_cast<const int32_t*>(at[0]) : nullptr, static_cast<int32_t*>(at[1]),
                                            at[2], context);
                                    },
                                .available = [](Key key) { return table().has(&Kernels::average_share, key); },
                                .flops = 4,
                                .bytes = 16});
    c.directions.push_back({.name = "clip_factor",
                            .operands = {parameter(input("square", {1}, Fill::positive)), parameter(output("factor", {1}))},
                            .run =
                                [max_norm](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::clip_factor, "clip_factor", key)(max_norm, at[0], at[1], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::clip_factor, key); },
                            .flops = 2,
                            .bytes = 8});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (int64_t count : {1, 7, 16, 37, 1031, 100003}) list.push_back(make_case(count));
    // Whole vectors, what is left over, and terms that are not there.
    for (const auto& row : pairwise({{0, 1, 64, 257, 1025}, {1, 2, 3, 4}, {0, 9}, {0, 1}}))
        add_drawn(list, make_case(4 * row[0] + row[1], false, 0.1 * static_cast<double>(row[2]), static_cast<double>(row[3])));
    list.push_back(make_case(35528122, true));
    for (const double max_norm : {0.5, 1.0, 1.5, 2.0, 2.5, 3.0}) list.push_back(scalar_case(max_norm < 1 ? 3 : 100, max_norm));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.sgd = reference_sgd,
                                                      .adamw = reference_adamw,
                                                      .ema = reference_ema,
                                                      .average_share = reference_average_share,
                                                      .clip_factor = reference_clip_factor,
                                                      .restore = reference_restore});
    const std::string why_not = "parameters, their gradients and averages are float32 whatever activations are";
    return record::add({.name = "optimiser",
                        .formula = "SGD with momentum, AdamW, exponential average of a flat buffer",
                        .cases = cases,
                        .gradient = false,
                        .absent = {{{DeviceType::cpu, DType::bf16}, why_not}, {{DeviceType::cuda, DType::bf16}, why_not}}});
}();

}  // namespace
}  // namespace purnet::optimiser
