#include <algorithm>
#include <cmath>

#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/softmax/softmax.h"

namespace purnet::softmax {
namespace {

using namespace record;

void reference_forward(const Problem& p, const double* x, double* y, void*, const Context&) {
    for (int64_t o = 0; o < p.outer; ++o)
        for (int64_t i = 0; i < p.inner; ++i) {
            const auto at = [&](int64_t k) { return (o * p.length + k) * p.inner + i; };
            double highest = x[at(0)], sum = 0;
            for (int64_t k = 0; k < p.length; ++k) highest = std::max(highest, x[at(k)]);
            for (int64_t k = 0; k < p.length; ++k) sum += std::exp(x[at(k)] - highest);
            for (int64_t k = 0; k < p.length; ++k) y[at(k)] = std::exp(x[at(k)] - highest) / sum;
        }
}

void reference_backward(const Problem& p, const double* y, const double* dy, double* dx, void*, const Context&) {
    for (int64_t o = 0; o < p.outer; ++o)
        for (int64_t i = 0; i < p.inner; ++i) {
            const auto at = [&](int64_t k) { return (o * p.length + k) * p.inner + i; };
            double dot = 0;
            for (int64_t k = 0; k < p.length; ++k) dot += y[at(k)] * dy[at(k)];
            for (int64_t k = 0; k < p.length; ++k) dx[at(k)] = y[at(k)] * (dy[at(k)] - dot);
        }
}

Case make_case(const Problem& p, double scale, bool real_layer = false) {
    const std::vector<int64_t> shape{p.outer, p.length, p.inner};
    Case c{.label = concat("o", p.outer, " l", p.length, " i", p.inner, " scale", scale), .real_layer = real_layer};
    const double flops = 20 * static_cast<double>(p.count());
    c.directions.push_back(
        {.name = "forward",
         .operands = {input("x", shape, Fill::any, scale), output("y", shape), workspace(workspace_bytes(p))},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::forward, key); },
         .flops = flops});
    c.directions.push_back(
        {.name = "backward",
         .operands = {input("y", shape), input("dy", shape), output("dx", shape), workspace(workspace_bytes(p))},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::backward, "backward", key)(p, at[0], at[1], at[2], at[3], context); },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const Problem& p : {Problem{1, 1, 1}, Problem{2, 7, 3}, Problem{3, 5, 1}, Problem{1, 131, 17}, Problem{37, 33, 1},
                             Problem{2, 2003, 33}, Problem{7, 1000, 1}, Problem{1, 1, 19}})
        for (double scale : {1.0, 30.0}) list.push_back(make_case(p, scale));
    for (const Problem& p : {Problem{1, 40, 33}, Problem{1, 40, 72}}) list.push_back(make_case(p, 1));  // more columns than a block's tile
    for (const Problem& p : {Problem{2, 131, 3}, Problem{3, 131, 1}}) list.push_back(make_case(p, 200));  // e^(x - x') beyond float32
    for (const auto& row : pairwise({{1, 5, 64, 300}, {1, 4, 8, 33, 72}, {1, 3}, {1, 30}}))
        add_drawn(list, make_case({row[2], row[0], row[1]}, static_cast<double>(row[3])));
    list.push_back(make_case({4, 6400, 128}, 1, true));
    list.push_back(make_case({4 * 6400, 128, 1}, 1, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .backward = erase<reference_backward>});
    return record::add({.name = "softmax", .formula = "y = softmax of x over space or over channels", .cases = cases});
}();

}  // namespace
}  // namespace purnet::softmax
