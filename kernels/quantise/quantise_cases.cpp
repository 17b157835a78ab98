#include <cmath>

#include "kernels/quantise/quantise.h"
#include "kernels/record/operands.h"

namespace purnet::quantise {
namespace {

using namespace record;

// The scales below are powers of two: products are exact, whether the CPU fuses them with the sum or not.
void reference_forward(const Problem& p, const double* x, uint8_t* y, const Context&) {
    const float inverse = 1 / p.scale;
    for (int64_t i = 0; i < p.count; ++i) {
        const float v = static_cast<float>(x[i]) * inverse + static_cast<float>(p.zero);
        y[i] = v > 0 ? static_cast<uint8_t>(std::nearbyint(v < 255 ? v : 255)) : static_cast<uint8_t>(0);
    }
}

Case make_case(int64_t count, float scale, int zero, bool real_layer = false) {
    const Problem p{count, scale, zero};
    Operand y{.name = "y", .role = Role::output, .kind = Kind::uint8, .shape = {count}, .differentiable = false};
    return {
        .label = concat("n", count, " scale", scale, " zero", zero),
        .real_layer = real_layer,
        .directions = {{.name = "forward",
                        .operands = {input("x", {count}, Fill::any, 3), y},
                        .run = [=](Key key, const Pointers& at,
                                   const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], context); },
                        .available = [](Key key) { return table().has(&Kernels::forward, key); },
                        .flops = 4 * static_cast<double>(count)}},
        .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const int64_t count : {1, 7, 16, 255, 10007}) list.push_back(make_case(count, 1.0f / 64, 127));
    list.push_back(make_case(1031, 1.0f / 128, 0));  // half of the values lie below the range, some above
    list.push_back(make_case(1031, 0.25f, 255));     // many ties
    list.push_back(make_case(80 * 80 * 128, 1.0f / 32, 90, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add(
        {.name = "quantise", .formula = "y = x / scale + zero, to the nearest of 0 .. 255", .cases = cases, .gradient = false});
}();

}  // namespace
}  // namespace purnet::quantise
