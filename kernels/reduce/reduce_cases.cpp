#include <cmath>

#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/reduce/reduce.h"

namespace purnet::reduce {
namespace {

using namespace record;

void reference_sum(int64_t count, double scale, const double* x, double* y, void*, const Context&) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += x[i];
    *y = scale * sum;
}

void reference_spread(int64_t count, double scale, const double* dy, double* dx, const Context&) {
    for (int64_t i = 0; i < count; ++i) dx[i] = scale * *dy;
}

void reference_squared_norm(int64_t count, const double* x, double* y, void*, const Context&) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += x[i] * x[i];
    *y = sum;
}

void reference_all_finite(int64_t count, const void* x, int32_t* flag, void*, const Context&) {
    *flag = 1;
    for (int64_t i = 0; i < count; ++i)
        if (!std::isfinite(static_cast<const double*>(x)[i])) *flag = 0;
}

void reference_add_scalars(int64_t count, const void* const* values, void* y, const Context&) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += *static_cast<const double*>(values[i]);
    *static_cast<double*>(y) = sum;
}

Case make_case(int64_t count, bool real_layer = false) {
    Case c{.label = concat("n", count), .real_layer = real_layer};
    const double flops = static_cast<double>(count);
    c.directions.push_back(
        {.name = "sum",
         .operands = {input("x", {count}), parameter(output("y", {1})), workspace(workspace_bytes(count))},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::sum, "sum", key)(count, 0.5, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::sum, key); },
         .flops = flops,
         .multilinear = true,
         .reduction = count});
    c.directions.push_back(
        {.name = "spread",
         .operands = {parameter(input("dy", {1})), output("dx", {count})},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::spread, "spread", key)(count, 0.5, at[0], at[1], context); },
         .available = [](Key key) { return table().has(&Kernels::spread, key); },
         .flops = flops,
         .multilinear = true});
    c.directions.push_back({.name = "squared_norm",
                            .operands = {input("x", {count}), parameter(output("norm", {1})), workspace(workspace_bytes(count))},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::squared_norm, "squared_norm", key)(count, at[0], at[1], at[2], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::squared_norm, key); },
                            .flops = 2 * flops,
                            .multilinear = true,
                            .reduction = count});
    c.directions.push_back({.name = "all_finite",
                            .operands = {input("x", {count}),
                                         {.name = "flag", .role = Role::output, .kind = Kind::int32, .shape = {1}},
                                         workspace(workspace_bytes(count))},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::all_finite, "all_finite", key)(count, at[0], static_cast<int32_t*>(at[1]), at[2],
                                                                                         context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::all_finite, key); },
                            .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (int64_t count : {1, 3, 16, 37, 1031, 100003}) list.push_back(make_case(count));
    // Whole vectors of bf16, and what is left over.
    for (const auto& row : pairwise({{0, 1, 31, 256, 513}, {1, 3, 4, 7, 8}})) add_drawn(list, make_case(8 * row[0] + row[1]));
    list.push_back(make_case(35528122, true));
    Case scalars{.label = "three"};
    scalars.directions.push_back(
        {.name = "add_scalars",
         .operands = {parameter(input("a", {1})), parameter(input("b", {1})), parameter(input("c", {1})), parameter(output("y", {1}))},
         .run =
             [](Key key, const Pointers& at, const Context& context) {
                 const void* values[] = {at[0], at[1], at[2]};
                 table().get(&Kernels::add_scalars, "add_scalars", key)(3, values, at[3], context);
             },
         .available = [](Key key) { return table().has(&Kernels::add_scalars, key); },
         .flops = 3,
         .multilinear = true,
         .reduction = 3});
    list.push_back(scalars);
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.sum = erase<reference_sum>,
                                                      .spread = erase<reference_spread>,
                                                      .squared_norm = erase<reference_squared_norm>,
                                                      .all_finite = reference_all_finite,
                                                      .add_scalars = reference_add_scalars});
    return record::add({.name = "reduce", .formula = "sum, squared norm, finite check of a buffer; sum of scalars", .cases = cases});
}();

}  // namespace
}  // namespace purnet::reduce
