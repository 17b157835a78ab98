#include <cmath>

#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/rectify/rectify.h"

namespace purnet::rectify {
namespace {

using namespace record;

void reference_forward(int64_t count, const double* x, const double* e, double* y, const Context&) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * std::tanh(e[i]) + x[i];
}

void reference_backward(int64_t count, const double* x, const double* e, const double* dy, double* dx, double* de, const Context&) {
    for (int64_t i = 0; i < count; ++i) {
        const double cosine = std::cosh(e[i]);
        if (dx) dx[i] = dy[i] * (1 + std::tanh(e[i]));
        if (de) de[i] = dy[i] * x[i] / (cosine * cosine);
    }
}

Case make_case(int64_t count, double scale, bool real_layer = false) {
    Case c{.label = concat("n", count, " scale", scale), .real_layer = real_layer};
    const double flops = 25 * static_cast<double>(count);
    c.directions.push_back(
        {.name = "forward",
         .operands = {input("x", {count}), input("e", {count}, Fill::any, scale), output("y", {count})},
         .run = [=](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::forward, "forward", key)(count, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::forward, key); },
         .flops = flops});
    c.directions.push_back({.name = "backward",
                            .operands = {input("x", {count}), input("e", {count}, Fill::any, scale), input("dy", {count}),
                                         output("dx", {count}), output("de", {count})},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::backward, "backward", key)(count, at[0], at[1], at[2], at[3], at[4], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::backward, key); },
                            .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (int64_t count : {1, 5, 16, 23, 1009, 8195}) list.push_back(make_case(count, 2));
    for (double scale : {1e-3, 20.0, 100.0}) list.push_back(make_case(4099, scale));
    // Whole vectors of bf16, what is left over, and the scale of e.
    for (const auto& row : pairwise({{1, 31, 256, 513}, {0, 1, 4, 7}, {1, 20, 100}}))
        add_drawn(list, make_case(8 * row[0] + row[1], static_cast<double>(row[2])));
    list.push_back(make_case(4 * 80 * 80 * 128, 1, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .backward = erase<reference_backward>});
    return record::add({.name = "rectify", .formula = "y = x tanh(e) + x", .cases = cases});
}();

}  // namespace
}  // namespace purnet::rectify
