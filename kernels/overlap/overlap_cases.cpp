#include <cmath>
#include <vector>

#include "kernels/binary/binary.h"
#include "kernels/overlap/overlap.h"
#include "kernels/record/operands.h"
#include "kernels/record/workspace.h"

namespace purnet::overlap {
namespace {

using namespace record;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

void reference_forward(const Problem& p, const double* z, const double* g, double* loss, double* dz, void*, const Context&) {
    const double images = static_cast<double>(p.images);
    *loss = 0;
    for (int64_t n = 0; n < p.images; ++n) {
        const int64_t first = n * p.pixels, last = first + p.pixels;
        double both = 0, either = 0;
        for (int64_t i = first; i < last; ++i) {
            both += sigmoid(z[i]) * g[i];
            either += sigmoid(z[i]) + sigmoid(-z[i]) * g[i];
        }
        *loss += (1 - (both + 1) / (either + 1)) / images;
        if (!dz) continue;
        for (int64_t i = first; i < last; ++i)
            dz[i] =
                -sigmoid(z[i]) * sigmoid(-z[i]) * (g[i] * (either + 1) - (1 - g[i]) * (both + 1)) / ((either + 1) * (either + 1) * images);
    }
}

Case make_case(int64_t images, int64_t pixels, double scale, bool real_layer = false) {
    const Problem p{images, pixels};
    const std::vector<int64_t> shape{images, pixels};
    const std::vector<Operand> inputs{input("z", shape, Fill::any, scale), constant(input("g", shape, Fill::probability))};
    std::vector<Operand> forward = inputs, backward = inputs;
    forward.push_back(parameter(output("loss", {1})));
    forward.push_back(workspace(workspace_bytes(p)));
    backward.push_back(parameter(input("dloss", {1})));
    backward.push_back(output("dz", shape));
    const size_t sums = aligned_up(workspace_bytes(p) + 2 * sizeof(double));
    backward.push_back(workspace(sums + static_cast<size_t>(images * pixels) * sizeof(double)));
    const double flops = 50 * static_cast<double>(images * pixels);
    Case c{.label = concat("n", images, " p", pixels, " scale", scale), .real_layer = real_layer};
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], nullptr, at[3], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = flops});
    c.directions.push_back(
        {.name = "backward",
         .operands = backward,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 auto* scratch = static_cast<char*>(at[4]);
                 table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], scratch, scratch + sums, scratch + 2 * sizeof(double),
                                                                context);
                 binary::table().get(&binary::Kernels::forward, "forward", key)(
                     {binary::Operation::mul, binary::Broadcast::scalar, 1, images * pixels, 1, true}, scratch + sums, at[2], at[3],
                     context);
             },
         .available = [](Key key) { return table().has(&Kernels::forward, key) && binary::table().has(&binary::Kernels::forward, key); },
         .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const int64_t pixels : {1, 7, 255, 259}) list.push_back(make_case(3, pixels, 3));
    list.push_back(make_case(1, 10007, 12));
    list.push_back(make_case(5, 1031, 60));
    list.push_back(make_case(2, 8195, 3));
    list.push_back(make_case(4, 320 * 320, 3, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add({.name = "overlap",
                        .formula = "loss = mean over images of 1 - (I + 1) / (U + 1), soft intersection over union of sigmoid(z) and g, "
                                   "with its gradient",
                        .cases = cases});
}();

}  // namespace
}  // namespace purnet::overlap
