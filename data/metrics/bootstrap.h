// How far the figures of a data set would move with another draw of images: the bootstrap of Efron (1979). A resample draws as
// many images as there are, with replacement, and makes its figures exactly as the whole set's are made (curves averaged first).
// The draws are a function of (seed, resample, position) alone: two methods scored on the same images are compared on the same
// resamples, and neither threads nor repetition change a digit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/metrics/scores.h"

namespace purnet::metrics {

// One Figures a resample. Error without images or resamples.
std::vector<Figures> bootstrap(Protocol protocol, std::span<const Scores> images, int64_t resamples, uint64_t seed);

struct Interval {
    double low = 0, high = 0;
};
// The middle `share` (0.95: from the 2.5th to the 97.5th percentile, linear between neighbours) of one figure over the resamples;
// NaN at both ends where the protocol does not define the figure.
Interval interval(std::span<const Figures> resamples, size_t figure, double share = 0.95);

}  // namespace purnet::metrics
