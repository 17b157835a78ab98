// How often each grey level of a map occurs over foreground and background, in each of the four quadrants around the
// foreground's centroid. All metrics but the weighted F-measure are functions of these counts.
#pragma once

#include <array>
#include <cstdint>

#include "data/metrics/grey.h"
#include "data/metrics/levels.h"

namespace purnet::metrics {

using Histogram = std::array<int64_t, 256>;

struct Quadrant {
    int64_t y0 = 0, y1 = 0, x0 = 0, x1 = 0;  // rows [y0, y1), columns [x0, x1); may be empty
    Histogram foreground{}, background{};

    int64_t size() const { return (y1 - y0) * (x1 - x0); }
};

struct Counts {
    int64_t pixels = 0;
    int64_t foreground = 0;  // mask pixels above the threshold
    Histogram in_foreground{}, in_background{};
    std::array<Quadrant, 4> quadrants;  // left top, right top, left bottom, right bottom
};

// A mask pixel is foreground where its level is above `mask_threshold`. The quadrants meet after row Y and column X, the
// means of the foreground's rows and columns rounded half to even, plus 1. Without foreground the first quadrant is the whole map.
Counts count_levels(const GreyView& map, const GreyView& mask, int mask_threshold);

// For the 256 thresholds t = 255 .. 0 (index 0 is t = 255): pixels with q >= t, and those of them in the foreground.
struct Cumulated {
    std::array<int64_t, 256> positive, true_positive;
};
Cumulated cumulate(const Counts& counts, const Levels& levels);

// Pixels with p >= threshold, and those of them in the foreground.
struct Binary {
    int64_t positive = 0, true_positive = 0;
};
Binary binarise(const Counts& counts, const Levels& levels, double threshold);

}  // namespace purnet::metrics
