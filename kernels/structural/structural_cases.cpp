#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/binary/binary.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/record/workspace.h"
#include "kernels/structural/structural.h"

namespace purnet::structural {
namespace {

using namespace record;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

// Means of inside and outside values per region; `vacant` regions have 0 and 1.
struct Means {
    std::vector<double> inside, outside;
};

template <class Inside, class Outside>
Means means(int64_t regions, const int32_t* labels, int64_t pixels, Inside&& inside, Outside&& outside) {
    Means m{std::vector<double>(static_cast<size_t>(regions), 0), std::vector<double>(static_cast<size_t>(regions), 0)};
    for (int64_t r = 0; r < regions; ++r) {
        double count = 0;
        auto& in = m.inside[static_cast<size_t>(r)];
        auto& out = m.outside[static_cast<size_t>(r)];
        for (int64_t i = 0; i < pixels; ++i)
            if (labels[i] == r) {
                in += inside(i);
                out += outside(i);
                ++count;
            }
        in = count > 0 ? in / count : 0;
        out = count > 0 ? out / count : 1;
    }
    return m;
}

void reference_forward(const Problem& p, const void* z_in, const void* g_in, const int32_t* all_labels, void* loss, void* dz_out, void*,
                       const Context&) {
    double total = 0;
    for (int64_t n = 0; n < p.images; ++n) {
        const double* z = static_cast<const double*>(z_in) + n * p.pixels;
        const double* g = static_cast<const double*>(g_in) + n * p.pixels;
        const int32_t* labels = all_labels + n * p.pixels;
        const int64_t regions = *std::max_element(labels, labels + p.pixels) + 1;
        const auto map = [&](double v) { return p.second_sigmoid ? sigmoid(sigmoid(v)) : sigmoid(v); };
        const auto complement = [&](double v) { return p.second_sigmoid ? sigmoid(-sigmoid(v)) : sigmoid(-v); };
        const Means predicted = means(
            regions, labels, p.pixels, [&](int64_t i) { return map(z[i]); }, [&](int64_t i) { return complement(z[i]); });
        const Means wanted = means(
            regions, labels, p.pixels, [&](int64_t i) { return g[i]; }, [&](int64_t i) { return 1 - g[i]; });
        const double squared = static_cast<double>(regions * regions);
        std::vector<double> gradient(static_cast<size_t>(regions), 0);
        double kl = 0;
        for (size_t r = 0; r < gradient.size(); ++r)
            for (size_t s = 0; s < gradient.size(); ++s) {
                if (r == s) continue;
                const double plus = std::max(predicted.inside[r] + predicted.outside[s], least_factor);
                const double minus = std::max(predicted.outside[r] + predicted.inside[s], least_factor);
                const double a_plus = wanted.inside[r] + wanted.outside[s], a_minus = wanted.outside[r] + wanted.inside[s];
                if (a_plus > 0) kl += a_plus * std::log(a_plus / plus) / squared;
                gradient[r] += (a_minus / minus - a_plus / plus) / squared;
            }
        total += kl / static_cast<double>(p.images);
        if (!dz_out) continue;
        for (int64_t i = 0; i < p.pixels; ++i) {
            const double count = static_cast<double>(std::count(labels, labels + p.pixels, labels[i]));
            const double slope = sigmoid(z[i]) * sigmoid(-z[i]) * (p.second_sigmoid ? map(z[i]) * complement(z[i]) : 1);
            static_cast<double*>(dz_out)[n * p.pixels + i] =
                gradient[static_cast<size_t>(labels[i])] / count / static_cast<double>(p.images) * slope;
        }
    }
    *static_cast<double*>(loss) = total;
}

Case make_case(int64_t images, int64_t pixels, int64_t regions, bool second_sigmoid, double scale, bool real_layer = false) {
    const Problem p{images, pixels, second_sigmoid};
    const int64_t count = images * pixels;
    const std::vector<int64_t> map{images, pixels};
    const std::vector<Operand> inputs{input("z", map, Fill::any, scale), constant(input("g", map, Fill::probability)),
                                      labels("labels", map, regions)};
    std::vector<Operand> forward = inputs, backward = inputs;
    forward.push_back(parameter(output("loss", {1})));
    forward.push_back(workspace(workspace_bytes(p)));
    backward.push_back(parameter(input("dloss", {1})));
    backward.push_back(output("dz", map));
    const size_t sums = aligned_up(workspace_bytes(p) + sizeof(double));
    backward.push_back(workspace(sums + static_cast<size_t>(count) * sizeof(double)));
    Case c{.label = concat("n", images, " p", pixels, " regions", regions, second_sigmoid ? " second" : "", " scale", scale),
           .real_layer = real_layer};
    const double flops = static_cast<double>(images) * (80 * static_cast<double>(pixels) + 60 * static_cast<double>(regions * regions));
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], static_cast<const int32_t*>(at[2]),
                                                                                   at[3], nullptr, at[4], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = flops});
    c.directions.push_back(
        {.name = "backward",
         .operands = backward,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 auto* scratch = static_cast<char*>(at[5]);
                 table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], static_cast<const int32_t*>(at[2]), scratch,
                                                                scratch + sums, scratch + sizeof(double), context);
                 binary::table().get(&binary::Kernels::forward, "forward", key)(
                     {binary::Operation::mul, binary::Broadcast::scalar, 1, count, 1, true}, scratch + sums, at[3], at[4], context);
             },
         .available = [](Key key) { return table().has(&Kernels::forward, key) && binary::table().has(&binary::Kernels::forward, key); },
         .flops = flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (bool second : {false, true}) {
        list.push_back(make_case(1, 1, 1, second, 2));
        list.push_back(make_case(2, 7, 3, second, 2));
        list.push_back(make_case(3, 37, 40, second, 2));  // most labels have one pixel or none
        list.push_back(make_case(1, 259, 17, second, 9));
        list.push_back(make_case(2, 1031, 100, second, 30));
    }
    list.push_back(make_case(1, 4500, 17, false, 2));  // several tiles of pixels to a segment of the CUDA twin
    for (const auto& row : pairwise({{5, 64, 259, 600}, {1, 3, 33, 90}, {1, 2}, {0, 1}, {2, 30}}))
        add_drawn(list, make_case(row[2], row[0], row[1], row[3] != 0, static_cast<double>(row[4])));
    list.push_back(make_case(4, 320 * 320, 256, false, 4, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = reference_forward});
    return record::add({.name = "structural", .formula = "loss = KL between region-difference matrices of mask and map", .cases = cases});
}();

}  // namespace
}  // namespace purnet::structural
