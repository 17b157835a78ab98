#include "data/metrics/ratios.h"

#include <algorithm>
#include <numeric>

#include "kernels/runtime/error.h"

namespace purnet::metrics {
namespace {

double divide(double a, double b) { return b != 0 ? a / b : 0; }

Confusion confusion_of(const Counts& counts, int64_t positive, int64_t true_positive) {
    Confusion c;
    c.tp = true_positive;
    c.fp = positive - true_positive;
    c.fn = counts.foreground - true_positive;
    c.tn = counts.pixels - counts.foreground - c.fp;
    return c;
}

}  // namespace

std::array<double, ratio_count> ratios_of(const Confusion& confusion) {
    const double tp = static_cast<double>(confusion.tp), fp = static_cast<double>(confusion.fp);
    const double fn = static_cast<double>(confusion.fn), tn = static_cast<double>(confusion.tn);
    const double n = tp + fp + fn + tn;
    const double precision = divide(tp, tp + fp), recall = divide(tp, tp + fn), specificity = divide(tn, tn + fp);
    const double accuracy = divide(tp + tn, n);
    const double chance = divide((tp + fp) * (tp + fn) + (tn + fn) * (tn + tp), n * n);
    const auto f = [&](double b) { return divide((1 + b) * precision * recall, b * precision + recall); };
    return {f(0.3),
            f(1),
            precision,
            recall,
            divide(tp, tp + fp + fn),
            divide(2 * tp, 2 * tp + fp + fn),
            specificity,
            divide(fp, tn + fp),
            1 - 0.5 * (recall + specificity),
            accuracy,
            divide(accuracy - chance, 1 - chance)};
}

Ratios ratios_of(const Counts& counts, const Levels& levels, double adaptive_threshold) {
    Ratios out;
    const Cumulated curve = cumulate(counts, levels);
    for (size_t i = 0; i < 256; ++i) {
        const auto values = ratios_of(confusion_of(counts, curve.positive[i], curve.true_positive[i]));
        for (size_t r = 0; r < ratio_count; ++r) out.curves[r][i] = values[r];
    }
    const Binary adaptive = binarise(counts, levels, adaptive_threshold);
    out.adaptive = ratios_of(confusion_of(counts, adaptive.positive, adaptive.true_positive));
    Binary above_half;
    for (size_t v = 0; v < 256; ++v) {
        if (!(levels.p[v] > 0.5)) continue;
        above_half.true_positive += counts.in_foreground[v];
        above_half.positive += counts.in_foreground[v] + counts.in_background[v];
    }
    out.binary_counts = confusion_of(counts, above_half.positive, above_half.true_positive);
    out.binary = ratios_of(out.binary_counts);
    return out;
}

void MeanRatios::add(const Ratios& ratios) {
    for (size_t r = 0; r < ratio_count; ++r) {
        for (size_t i = 0; i < 256; ++i) sum_.curves[r][i] += ratios.curves[r][i];
        sum_.adaptive[r] += ratios.adaptive[r];
        sum_.binary[r] += ratios.binary[r];
    }
    sum_.binary_counts.tp += ratios.binary_counts.tp;
    sum_.binary_counts.fp += ratios.binary_counts.fp;
    sum_.binary_counts.fn += ratios.binary_counts.fn;
    sum_.binary_counts.tn += ratios.binary_counts.tn;
    ++images_;
}

Ratios MeanRatios::value() const {
    require(images_ > 0, "metrics: the mean of no images is asked for");
    Ratios out = sum_;
    const double factor = 1.0 / static_cast<double>(images_);
    for (size_t r = 0; r < ratio_count; ++r) {
        for (double& value : out.curves[r]) value *= factor;
        out.adaptive[r] *= factor;
        out.binary[r] *= factor;
    }
    return out;
}

RatioFigures figures_of(const Ratios& ratios, size_t which) {
    const Curve& curve = ratios.curves[which];
    return {*std::max_element(curve.begin(), curve.end()), std::accumulate(curve.begin(), curve.end(), 0.0) / 256, ratios.adaptive[which],
            ratios.binary[which], ratios_of(ratios.binary_counts)[which]};
}

}  // namespace purnet::metrics
