// Scores of one map against its mask. A Meter keeps its working memory from image to image; threads use one each.
#pragma once

#include <optional>
#include <vector>

#include "data/metrics/counts.h"
#include "data/metrics/grey.h"
#include "data/metrics/ratios.h"
#include "data/metrics/scores.h"
#include "data/metrics/weighted_f.h"

namespace purnet::metrics {

struct Measured {
    Scores scores;
    bool empty_quadrant = false;  // a quadrant of the structure measure had no pixels and counted as 0
    std::optional<Ratios> ratios;
};

class Meter {
public:
    explicit Meter(Protocol protocol = Protocol::pysod) : protocol_(protocol) {}

    // The weighted F-measure takes most of the time; without it weighted_f is 0.
    void measure_weighted_f(bool on) { with_weighted_f_ = on; }
    // Protocol pysod only.
    void measure_ratios(bool on) { with_ratios_ = on; }

    // Map and mask must have the same size, at least 1 x 1; Error otherwise.
    Measured measure(const GreyView& map, const GreyView& mask);

private:
    Measured measure_pysod(const GreyView& map, const GreyView& mask);
    Measured measure_dss(const GreyView& map, const GreyView& mask);
    Measured measure_purnet(const GreyView& map, const GreyView& mask);
    double weighted_f(const GreyView& map, const Levels& levels, const GreyView& mask, int mask_threshold);

    Protocol protocol_;
    bool with_weighted_f_ = true, with_ratios_ = false;
    std::vector<uint8_t> inside_;
    WeightedF weighted_f_;
};

}  // namespace purnet::metrics
