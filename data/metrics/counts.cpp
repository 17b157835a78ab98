#include "data/metrics/counts.h"

#include <cmath>

namespace purnet::metrics {
namespace {

struct Centroid {
    int64_t pixels = 0;
    double row = 0, column = 0;
};

Centroid centroid_of(const GreyView& mask, int threshold) {
    int64_t pixels = 0, rows = 0, columns = 0;
    for (int64_t y = 0; y < mask.height; ++y) {
        const uint8_t* row = mask.row(y);
        int64_t here = 0;
        for (int64_t x = 0; x < mask.width; ++x) {
            const int64_t inside = row[x] > threshold;
            here += inside;
            columns += inside * x;
        }
        pixels += here;
        rows += here * y;
    }
    if (!pixels) return {};
    return {pixels, static_cast<double>(rows) / static_cast<double>(pixels), static_cast<double>(columns) / static_cast<double>(pixels)};
}

// Two interleaved sets of counters: neighbouring pixels often share a level, and adding to one counter twice in a row waits.
void count_quadrant(const GreyView& map, const GreyView& mask, int threshold, Quadrant& quadrant) {
    std::array<std::array<int64_t, 256>, 4> bins{};
    for (int64_t y = quadrant.y0; y < quadrant.y1; ++y) {
        const uint8_t* levels = map.row(y);
        const uint8_t* truth = mask.row(y);
        int64_t x = quadrant.x0;
        for (; x + 1 < quadrant.x1; x += 2) {
            ++bins[truth[x] > threshold ? 1 : 0][levels[x]];
            ++bins[truth[x + 1] > threshold ? 3 : 2][levels[x + 1]];
        }
        if (x < quadrant.x1) ++bins[truth[x] > threshold ? 1 : 0][levels[x]];
    }
    for (size_t v = 0; v < 256; ++v) {
        quadrant.background[v] = bins[0][v] + bins[2][v];
        quadrant.foreground[v] = bins[1][v] + bins[3][v];
    }
}

}  // namespace

Counts count_levels(const GreyView& map, const GreyView& mask, int mask_threshold) {
    Counts counts;
    const Centroid centroid = centroid_of(mask, mask_threshold);
    counts.pixels = mask.size();
    counts.foreground = centroid.pixels;
    int64_t split_y = mask.height, split_x = mask.width;
    if (centroid.pixels) {
        split_y = static_cast<int64_t>(std::nearbyint(centroid.row)) + 1;
        split_x = static_cast<int64_t>(std::nearbyint(centroid.column)) + 1;
    }
    for (size_t i = 0; i < 4; ++i) {
        Quadrant& quadrant = counts.quadrants[i];
        const bool bottom = i >= 2, right = i % 2;
        quadrant.y0 = bottom ? split_y : 0;
        quadrant.y1 = bottom ? mask.height : split_y;
        quadrant.x0 = right ? split_x : 0;
        quadrant.x1 = right ? mask.width : split_x;
        count_quadrant(map, mask, mask_threshold, quadrant);
        for (size_t v = 0; v < 256; ++v) {
            counts.in_foreground[v] += quadrant.foreground[v];
            counts.in_background[v] += quadrant.background[v];
        }
    }
    return counts;
}

Cumulated cumulate(const Counts& counts, const Levels& levels) {
    Histogram positive{}, true_positive{};
    for (size_t v = 0; v < 256; ++v) {
        const size_t bin = levels.q[v];
        positive[bin] += counts.in_foreground[v] + counts.in_background[v];
        true_positive[bin] += counts.in_foreground[v];
    }
    Cumulated out;
    int64_t positives = 0, true_positives = 0;
    for (size_t i = 0; i < 256; ++i) {
        out.positive[i] = positives += positive[255 - i];
        out.true_positive[i] = true_positives += true_positive[255 - i];
    }
    return out;
}

Binary binarise(const Counts& counts, const Levels& levels, double threshold) {
    Binary out;
    for (size_t v = 0; v < 256; ++v) {
        if (!(levels.p[v] >= threshold)) continue;
        out.true_positive += counts.in_foreground[v];
        out.positive += counts.in_foreground[v] + counts.in_background[v];
    }
    return out;
}

}  // namespace purnet::metrics
