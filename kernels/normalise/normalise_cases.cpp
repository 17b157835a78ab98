#include "kernels/normalise/normalise.h"
#include "kernels/record/operands.h"

namespace purnet::normalise {
namespace {

using namespace record;

void reference_forward(const Problem& p, const uint8_t* x, double* y, const Context&) {
    for (int64_t i = 0; i < p.pixels; ++i)
        for (int c = 0; c < p.channels; ++c) {
            const double share = x[i * p.channels + c] / p.scale;
            y[i * p.channels + c] = (share - p.mean[static_cast<size_t>(c)]) / p.deviation[static_cast<size_t>(c)];
        }
}

Case make_case(const Problem& p, bool real_layer = false) {
    const std::vector<int64_t> shape{p.pixels, p.channels};
    Operand x{.name = "x", .kind = Kind::uint8, .shape = shape, .fill = Fill::labels, .limit = 256, .differentiable = false};
    return {
        .label = concat("n", p.pixels, " c", p.channels, " scale", p.scale),
        .real_layer = real_layer,
        .directions = {{.name = "forward",
                        .operands = {x, output("y", shape)},
                        .run = [=](Key key, const Pointers& at,
                                   const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], context); },
                        .available = [](Key key) { return table().has(&Kernels::forward, key); },
                        .rounding = 1}},  // two roundings in bf16
        .gradient = false};
}

std::vector<Case> cases() {
    // Levels of VGG-16, which differ in every channel, and those of the light network, whose values are exact.
    const auto levels = [](int64_t pixels, int channels) {
        return Problem{pixels, channels, 255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
    };
    std::vector<Case> list;
    for (const int channels : {1, 3})
        for (const int64_t pixels : {1, 7, 16, 341, 10007}) list.push_back(make_case(levels(pixels, channels)));
    list.push_back(make_case(levels(23003, 3)));  // several vectors a thread
    list.push_back(make_case({1031, 3, 1, {127, 127, 127}, {128, 128, 128}}));
    list.push_back(make_case({1031, 1, 255}));  // masks
    list.push_back(make_case(levels(8 * 320 * 320, 3), true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add({.name = "normalise", .formula = "y = (x / scale - mean) / deviation of bytes", .cases = cases, .gradient = false});
}();

}  // namespace
}  // namespace purnet::normalise
