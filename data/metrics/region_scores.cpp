#include "data/metrics/region_scores.h"

#include <algorithm>
#include <cmath>

namespace purnet::metrics {
namespace {

// Similarity of one object: mean and deviation of value(v) over the pixels of a histogram.
template <class Value>
double object_score(const Histogram& histogram, Value value) {
    int64_t pixels = 0;
    double sum = 0;
    for (size_t v = 0; v < 256; ++v) {
        pixels += histogram[v];
        if (histogram[v]) sum += static_cast<double>(histogram[v]) * value(v);
    }
    const double mean = sum / static_cast<double>(pixels);
    double squares = 0;
    for (size_t v = 0; v < 256; ++v)
        if (histogram[v]) squares += static_cast<double>(histogram[v]) * (value(v) - mean) * (value(v) - mean);
    const double deviation = pixels > 1 ? std::sqrt(squares / static_cast<double>(pixels - 1)) : 0.0;
    return 2 * mean / (mean * mean + 1 + deviation + eps);
}

double quadrant_similarity(const GreyView& map, const Levels& levels, const Quadrant& quadrant) {
    const double pixels = static_cast<double>(quadrant.size());
    int64_t foreground = 0;
    for (int64_t count : quadrant.foreground) foreground += count;
    const double x = mean_level(map, levels, quadrant.y0, quadrant.y1, quadrant.x0, quadrant.x1);
    const double y = static_cast<double>(foreground) / pixels;
    double xx = 0, xy = 0;
    for (size_t v = 0; v < 256; ++v) {
        const double in = static_cast<double>(quadrant.foreground[v]), out = static_cast<double>(quadrant.background[v]);
        if (in + out == 0) continue;
        const double d = levels.p[v] - x;
        xx += (in + out) * d * d;
        xy += d * (in * (1 - y) - out * y);
    }
    const double yy = static_cast<double>(foreground) * (1 - y) * (1 - y) + (pixels - static_cast<double>(foreground)) * y * y;
    const double divisor = pixels - 1 + eps;
    const double a = 4 * x * y * (xy / divisor);
    const double b = (x * x + y * y) * (xx / divisor + yy / divisor);
    if (a != 0) return a / (b + eps);
    return b == 0 ? 1 : 0;
}

}  // namespace

StructureScore structure_measure(const GreyView& map, const Levels& levels, const Counts& counts, double mean) {
    if (counts.foreground == 0) return {1 - mean, false};
    if (counts.foreground == counts.pixels) return {mean, false};

    const double mu = static_cast<double>(counts.foreground) / static_cast<double>(counts.pixels);
    const double object = mu * object_score(counts.in_foreground, [&](size_t v) { return levels.p[v]; }) +
                          (1 - mu) * object_score(counts.in_background, [&](size_t v) { return 1 - levels.p[v]; });
    StructureScore out;
    double region = 0, rest = 1;
    for (size_t i = 0; i < 4; ++i) {
        const Quadrant& quadrant = counts.quadrants[i];
        const double share = static_cast<double>(quadrant.size()) / static_cast<double>(counts.pixels);
        const double weight = i < 3 ? share : rest;
        rest -= share;
        if (quadrant.size() == 0)
            out.empty_quadrant = true;
        else
            region += weight * quadrant_similarity(map, levels, quadrant);
    }
    out.value = std::max(0.0, 0.5 * object + 0.5 * region);
    return out;
}

double alignment_measure(int64_t pixels, int64_t foreground, int64_t positive, int64_t true_positive) {
    const double n = static_cast<double>(pixels);
    const double divisor = n - 1 + eps;
    if (foreground == 0) return static_cast<double>(pixels - positive) / divisor;
    if (foreground == pixels) return static_cast<double>(positive) / divisor;

    const double mean_map = static_cast<double>(positive) / n, mean_mask = static_cast<double>(foreground) / n;
    const auto part = [](int64_t count, double x, double y) {
        const double alignment = 2 * (x * y) / (x * x + y * y + eps);
        return static_cast<double>(count) * ((alignment + 1) * (alignment + 1) / 4);
    };
    const int64_t false_positive = positive - true_positive, false_negative = foreground - true_positive;
    const double sum = part(true_positive, 1 - mean_map, 1 - mean_mask) + part(false_positive, 1 - mean_map, -mean_mask) +
                       part(false_negative, -mean_map, 1 - mean_mask) + part(pixels - positive - false_negative, -mean_map, -mean_mask);
    return sum / divisor;
}

}  // namespace purnet::metrics
