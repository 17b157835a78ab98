// Figures while training: float maps in memory against their masks, image by image, without files and without keeping them.
// A map is rounded to 8 bits as `predict` writes it, so the figures equal those of `eval` on maps written at the same size.
#pragma once

#include <cstdint>
#include <vector>

#include "data/metrics/meter.h"
#include "data/metrics/scores.h"

namespace purnet::metrics {

class Validation {
public:
    // The weighted F-measure costs several times the rest; without it wFmeasure is NaN.
    explicit Validation(bool with_weighted_f = false);

    // map[width * height] in [0, 1] (values outside are clamped; NaN is an Error), mask[width * height] grey, foreground above 128.
    void add(const float* map, const uint8_t* mask, int64_t width, int64_t height);

    int64_t images() const { return mean_.images(); }
    Figures figures() const;  // Error without images
    double mae() const { return figures().mae(); }
    double max_f() const { return figures().max_f(); }

private:
    bool with_weighted_f_;
    Meter meter_;
    Mean mean_;
    std::vector<uint8_t> bytes_;
};

}  // namespace purnet::metrics
