#include "kernels/record/operands.h"
#include "kernels/round_bf16/round_bf16.h"

namespace purnet::round_bf16 {
namespace {

using namespace record;

void reference_forward(const Problem& p, const double* x, double* y, const Context&) {
    for (int64_t i = 0; i < p.count; ++i) y[i] = x[i];  // rounding is the twin's error, which the bound of its type holds
}

Case make_case(int64_t count, bool real_layer = false) {
    const Problem p{count};
    return {
        .label = concat("n", count),
        .real_layer = real_layer,
        .directions = {{.name = "forward",
                        .operands = {parameter(input("x", {count})), output("y", {count})},
                        .run = [=](Key key, const Pointers& at,
                                   const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], context); },
                        .available = [](Key key) { return table().has(&Kernels::forward, key); },
                        .multilinear = true}},
        .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const int64_t count : {1, 7, 16, 255, 10007}) list.push_back(make_case(count));
    list.push_back(make_case(80 * 80 * 128, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    const std::string why_not = "its result is bf16: that key alone";
    return record::add({.name = "round_bf16",
                        .formula = "y = x to the nearest bf16",
                        .cases = cases,
                        .gradient = false,
                        .absent = {{{DeviceType::cpu, DType::f32}, why_not}, {{DeviceType::cuda, DType::f32}, why_not}}});
}();

}  // namespace
}  // namespace purnet::round_bf16
