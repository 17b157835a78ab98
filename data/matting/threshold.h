// Soft maps to 0 and 1.
//
//     none          as it is
//     fixed value   1 where p >= value
//     otsu          the level that best splits the histogram of 256 levels in two: the greatest w0 w1 (m0 - m1)^2 with the shares w and
//                   means m of both sides; 1 above it. Of equal splits the lowest counts. A flat map has none: 0.5 then.
//                   Source: Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Trans. SMC 1979.
//     adaptive      1 where p >= min(2 mean(p), 1), the field's adaptive threshold (data/metrics/scores.h); an all-zero map stays zero
// Values are in [0, 1].
#pragma once

#include <string>
#include <vector>

namespace purnet::matting {

struct Threshold {
    enum class Kind { none, fixed, otsu, adaptive } kind = Kind::none;
    double value = 0;  // of fixed
};

// "none", "otsu", "adaptive" or a number in [0, 1]; Error for anything else.
Threshold threshold_named(const std::string& text);

// p >= this is foreground. Not for `none`.
double level_of(const Threshold& threshold, const std::vector<float>& map);

void apply_threshold(const Threshold& threshold, std::vector<float>& map);

}  // namespace purnet::matting
