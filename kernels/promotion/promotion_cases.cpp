#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/promotion/promotion.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"

namespace purnet::promotion {
namespace {

using namespace record;

void reference_statistics(const Problem& p, const double* f, double* statistics, void*, const Context&) {
    for (int64_t n = 0; n < p.images; ++n) {
        const double* map = f + n * p.rows * p.channels;
        double over_channels = 0;
        std::vector<double> mean(static_cast<size_t>(p.channels), 0);
        for (int64_t c = 0; c < p.channels; ++c)
            for (int64_t r = 0; r < p.rows; ++r) mean[static_cast<size_t>(c)] += map[r * p.channels + c] / static_cast<double>(p.rows);
        for (double m : mean) over_channels += std::exp(m);
        for (int64_t c = 0; c < p.channels; ++c) {
            double highest = map[c], sum = 0;
            for (int64_t r = 0; r < p.rows; ++r) highest = std::max(highest, map[r * p.channels + c]);
            for (int64_t r = 0; r < p.rows; ++r) sum += std::exp(map[r * p.channels + c] - highest);
            statistics[(n * 2 + 0) * p.channels + c] = highest;
            statistics[(n * 2 + 1) * p.channels + c] = p.gain * std::exp(mean[static_cast<size_t>(c)]) / over_channels / sum;
        }
    }
}

double weight(const Problem& p, const double* f, const double* statistics, int64_t n, int64_t r, int64_t c) {
    return std::exp(f[(n * p.rows + r) * p.channels + c] - statistics[n * 2 * p.channels + c]);
}

void reference_attention(const Problem& p, const double* f, const double* statistics, double* attention, const Context&) {
    for (int64_t n = 0; n < p.images; ++n)
        for (int64_t r = 0; r < p.rows; ++r)
            for (int64_t c = 0; c < p.channels; ++c)
                attention[(n * p.rows + r) * p.channels + c] = weight(p, f, statistics, n, r, c) * statistics[(n * 2 + 1) * p.channels + c];
}

void reference_promote(const Problem& p, const double* target, const double* f, const double* statistics, double* y,
                       const Context& context) {
    std::vector<double> a(static_cast<size_t>(p.count()));
    reference_attention(p, f, statistics, a.data(), context);
    for (int64_t i = 0; i < p.count(); ++i) y[i] = target[i] * a[static_cast<size_t>(i)] + target[i];
}

void reference_backward(const Problem& p, const double* target, const double* f, const double* statistics, const double* dy,
                        double* dtarget, double* df, void*, const Context& context) {
    std::vector<double> a(static_cast<size_t>(p.count()));
    reference_attention(p, f, statistics, a.data(), context);
    for (int64_t i = 0; i < p.count(); ++i)
        if (dtarget) dtarget[i] = dy[i] * (1 + a[static_cast<size_t>(i)]);
    if (!df) return;
    for (int64_t n = 0; n < p.images; ++n) {
        std::vector<double> z(static_cast<size_t>(p.channels), 0), d(static_cast<size_t>(p.channels), 0);
        double all = 0;
        for (int64_t r = 0; r < p.rows; ++r)
            for (int64_t c = 0; c < p.channels; ++c) {
                const int64_t i = (n * p.rows + r) * p.channels + c;
                z[static_cast<size_t>(c)] += weight(p, f, statistics, n, r, c);
                d[static_cast<size_t>(c)] += dy[i] * target[i] * a[static_cast<size_t>(i)];
            }
        for (double v : d) all += v;
        for (int64_t r = 0; r < p.rows; ++r)
            for (int64_t c = 0; c < p.channels; ++c) {
                const int64_t i = (n * p.rows + r) * p.channels + c;
                const size_t k = static_cast<size_t>(c);
                const double over_space = weight(p, f, statistics, n, r, c) / z[k];
                const double over_channels = statistics[(n * 2 + 1) * p.channels + c] * z[k] / p.gain;
                df[i] = a[static_cast<size_t>(i)] * dy[i] * target[i] - over_space * d[k] +
                        (d[k] - over_channels * all) / static_cast<double>(p.rows);
            }
    }
}

Case make_case(int64_t images, int64_t rows, int64_t channels, double gain, double scale, bool real_layer = false) {
    const Problem p{images, rows, channels, gain};
    const std::vector<int64_t> map{images, rows, channels}, vectors{images, 2, channels};
    Case c{.label = concat("n", images, " r", rows, " c", channels, " gain", gain, " scale", scale), .real_layer = real_layer};
    const double flops = 20 * static_cast<double>(p.count());
    // The forward is statistics and promotion together: its derivative goes through both.
    c.directions.push_back(
        {.name = "forward",
         .operands = {input("target", map), input("f", map, Fill::any, scale), constant(parameter(output("statistics", vectors))),
                      output("y", map), workspace(statistics_workspace(p))},
         .run =
             [p](Key key, const Pointers& at, const Context& context) {
                 table().get(&Kernels::statistics, "statistics", key)(p, at[1], at[2], at[4], context);
                 table().get(&Kernels::promote, "promote", key)(p, at[0], at[1], at[2], at[3], context);
             },
         .available = [](Key key) { return table().has(&Kernels::statistics, key) && table().has(&Kernels::promote, key); },
         .flops = 2 * flops,
         .bytes = 4.0 * 4 * static_cast<double>(p.count())});
    c.directions.push_back(
        {.name = "backward",
         .operands = {input("target", map), input("f", map, Fill::any, scale), parameter(input("statistics", vectors, Fill::positive)),
                      input("dy", map), output("dtarget", map), output("df", map), workspace(backward_workspace(p))},
         .run =
             [p](Key key, const Pointers& at, const Context& context) {
                 table().get(&Kernels::backward, "backward", key)(p, at[0], at[1], at[2], at[3], at[4], at[5], at[6], context);
             },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = 2 * flops,
         .bytes = 4.0 * 8 * static_cast<double>(p.count())});
    c.directions.push_back(
        {.name = "attention",
         .operands = {input("f", map, Fill::any, scale), parameter(output("statistics", vectors)), output("attention", map),
                      workspace(statistics_workspace(p))},
         .run =
             [p](Key key, const Pointers& at, const Context& context) {
                 table().get(&Kernels::statistics, "statistics", key)(p, at[0], at[1], at[3], context);
                 table().get(&Kernels::attention, "attention", key)(p, at[0], at[1], at[2], context);
             },
         .available = [](Key key) { return table().has(&Kernels::statistics, key) && table().has(&Kernels::attention, key); },
         .flops = 2 * flops});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    list.push_back(make_case(1, 1, 1, 1, 1));
    list.push_back(make_case(2, 7, 3, 1, 1));
    list.push_back(make_case(2, 7, 3, 21, 1));
    list.push_back(make_case(1, 131, 17, 1, 4));
    list.push_back(make_case(3, 2001, 33, 1, 9));
    list.push_back(make_case(1, 1000, 65, 65000, 30));
    for (const auto& row : pairwise({{1, 5, 64, 300}, {1, 4, 8, 33, 72}, {1, 2}, {1, 21}, {1, 9}}))
        add_drawn(list, make_case(row[2], row[0], row[1], static_cast<double>(row[3]), static_cast<double>(row[4])));
    list.push_back(make_case(4, 80 * 80, 128, 1, 1, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.statistics = erase<reference_statistics>,
                                                      .attention = erase<reference_attention>,
                                                      .promote = erase<reference_promote>,
                                                      .backward = erase<reference_backward>});
    return record::add(
        {.name = "promotion", .formula = "y = target A + target, A = gain softmax_space(f) softmax_channels(mean f)", .cases = cases});
}();

}  // namespace
}  // namespace purnet::promotion
