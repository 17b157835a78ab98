#include "data/metrics/meter.h"

#include <algorithm>
#include <cmath>

#include "data/metrics/region_scores.h"
#include "kernels/runtime/error.h"

namespace purnet::metrics {
namespace {

double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

// F with beta^2 = 0.3; 0 where nothing is right.
double f_measure(double precision, double recall) {
    const double above = 1.3 * precision * recall;
    return above == 0 ? 0 : above / (0.3 * precision + recall);
}

double mean_error(const Counts& counts, const Levels& levels) {
    double sum = 0;
    for (size_t v = 0; v < 256; ++v)
        sum += static_cast<double>(counts.in_foreground[v]) * std::abs(levels.p[v] - 1) +
               static_cast<double>(counts.in_background[v]) * std::abs(levels.p[v]);
    // Levels that do not occur lie outside [0,1] after stretching, but are multiplied by zero.
    return sum / static_cast<double>(counts.pixels);
}

}  // namespace

Measured Meter::measure(const GreyView& map, const GreyView& mask) {
    require(map.width == mask.width && map.height == mask.height, "the map is ", map.width, " x ", map.height, ", its mask ", mask.width,
            " x ", mask.height, " pixels: both must have one size");
    require(map.width > 0 && map.height > 0, "the map has no pixels");
    switch (protocol_) {
        case Protocol::dss: return measure_dss(map, mask);
        case Protocol::purnet: return measure_purnet(map, mask);
        case Protocol::pysod: break;
    }
    return measure_pysod(map, mask);
}

double Meter::weighted_f(const GreyView& map, const Levels& levels, const GreyView& mask, int mask_threshold) {
    if (!with_weighted_f_) return 0;
    inside_.resize(static_cast<size_t>(mask.size()));
    std::transform(mask.pixels, mask.pixels + mask.size(), inside_.begin(),
                   [&](uint8_t v) { return static_cast<uint8_t>(v > mask_threshold); });
    return weighted_f_.measure(map, levels, inside_.data());
}

Measured Meter::measure_pysod(const GreyView& map, const GreyView& mask) {
    constexpr int mask_threshold = 128;
    const Levels levels = stretched_levels(map);
    const Counts counts = count_levels(map, mask, mask_threshold);
    const double mean = mean_level(map, levels, 0, map.height, 0, map.width);
    Measured out;
    Scores& scores = out.scores;
    scores.mae = mean_error(counts, levels);

    const StructureScore structure = structure_measure(map, levels, counts, mean);
    scores.structure = structure.value;
    out.empty_quadrant = structure.empty_quadrant;

    const double adaptive_threshold = std::min(2 * mean, 1.0);
    const Binary adaptive = binarise(counts, levels, adaptive_threshold);
    if (adaptive.true_positive > 0) {
        scores.adaptive_precision = ratio(adaptive.true_positive, adaptive.positive);
        scores.adaptive_recall = ratio(adaptive.true_positive, counts.foreground);
        scores.adaptive_f = f_measure(scores.adaptive_precision, scores.adaptive_recall);
    }
    scores.adaptive_e = alignment_measure(counts.pixels, counts.foreground, adaptive.positive, adaptive.true_positive);

    const Cumulated curve = cumulate(counts, levels);
    for (size_t i = 0; i < 256; ++i) {
        scores.precision[i] = ratio(curve.true_positive[i], std::max<int64_t>(curve.positive[i], 1));
        scores.recall[i] = ratio(curve.true_positive[i], std::max<int64_t>(counts.foreground, 1));
        scores.f[i] = f_measure(scores.precision[i], scores.recall[i]);
        scores.e[i] = alignment_measure(counts.pixels, counts.foreground, curve.positive[i], curve.true_positive[i]);
    }
    scores.weighted_f = weighted_f(map, levels, mask, mask_threshold);
    if (with_ratios_) out.ratios = ratios_of(counts, levels, adaptive_threshold);
    return out;
}

Measured Meter::measure_dss(const GreyView& map, const GreyView& mask) {
    const Levels levels = plain_levels();
    const Counts counts = count_levels(map, mask, 127);
    const auto smoothed = [](int64_t a, int64_t b) { return (static_cast<double>(a) + 1e-4) / (static_cast<double>(b) + 1e-4); };
    Measured out;
    Scores& scores = out.scores;
    int64_t error = 0;
    for (int64_t i = 0; i < map.size(); ++i) error += std::abs(static_cast<int>(map.pixels[i]) - static_cast<int>(mask.pixels[i]));
    scores.mae = static_cast<double>(error) / 255 / static_cast<double>(counts.pixels);

    const Cumulated at_least = cumulate(counts, levels);  // pixels > t are those >= t + 1, one index earlier
    for (size_t i = 0; i < 256; ++i) {
        const int64_t positive = i ? at_least.positive[i - 1] : 0, true_positive = i ? at_least.true_positive[i - 1] : 0;
        scores.precision[i] = smoothed(true_positive, positive);
        scores.recall[i] = smoothed(true_positive, counts.foreground);
        scores.f[i] = f_measure(scores.precision[i], scores.recall[i]);
    }
    return out;
}

Measured Meter::measure_purnet(const GreyView& map, const GreyView& mask) {
    // Stretched, a constant picture is clipped instead: 0 stays 0, any other level becomes 1; it is nowhere above its threshold.
    Levels levels = stretched_levels(map);
    if (levels.constant)
        for (size_t v = 0; v < 256; ++v) levels.p[v] = v ? 1 : 0;
    const auto [darkest, brightest] = std::minmax_element(mask.pixels, mask.pixels + mask.size());
    const int mask_threshold = *brightest ? *brightest - 1 : 0;
    const Counts counts = count_levels(map, mask, mask_threshold);
    Measured out;
    Scores& scores = out.scores;
    scores.mae = mean_error(counts, levels);

    if (!levels.constant) {
        const double mean = mean_level(map, levels, 0, map.height, 0, map.width);
        const double threshold = std::floor(std::min(2 * mean * 255, 255.0));
        int64_t true_positive = 0, false_positive = 0;
        for (int64_t i = 0; i < map.size(); ++i) {
            if (levels.p[map.pixels[i]] * 255 < threshold) continue;
            if (mask.pixels[i] > mask_threshold)
                ++true_positive;
            else if (mask.pixels[i] == *darkest)
                ++false_positive;  // levels between the darkest and the brightest belong to neither
        }
        scores.adaptive_precision = static_cast<double>(true_positive) / (static_cast<double>(true_positive + false_positive) + eps);
        scores.adaptive_recall = static_cast<double>(true_positive) / (static_cast<double>(counts.foreground) + eps);
        scores.adaptive_f = f_measure(scores.adaptive_precision, scores.adaptive_recall);
    }
    scores.weighted_f = weighted_f(map, levels, mask, mask_threshold);
    return out;
}

}  // namespace purnet::metrics
