// From the 256 grey levels of one map to the numbers that the metrics see.
//
// p(v) = v/255, then, unless the map is constant, (p - min) / (max - min) with min and max over the map's pixels.
// q(v) = trunc(p * 255): the bin of level v in curves over 256 thresholds.
// All in IEEE double and in exactly this order of operations: integer arithmetic or reciprocals give other bins for some ranges.
// Source: PySODMetrics 1.6.2 (the definition, not the code).
#pragma once

#include <array>
#include <cstdint>

#include "data/metrics/grey.h"

namespace purnet::metrics {

struct Levels {
    std::array<double, 256> p;
    std::array<uint8_t, 256> q;
    bool constant = false;  // every pixel of the map has the same level
};

Levels stretched_levels(const GreyView& map);
// p = v/255 and q = v, whatever the map holds.
Levels plain_levels();

// Mean of p over the rectangle [y0,y1) x [x0,x1), which must not be empty, with the additions in the order of numpy 2.3's
// pairwise sum. Two decisions of the metrics hang on the last bit of a mean: which pixels equal twice the mean, and whether
// a flat region has a variance of exactly zero; any other order of additions decides some of them differently.
double mean_level(const GreyView& map, const Levels& levels, int64_t y0, int64_t y1, int64_t x0, int64_t x1);

}  // namespace purnet::metrics
