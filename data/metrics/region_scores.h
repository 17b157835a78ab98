// Structure measure S (Fan et al., ICCV 2017) and enhanced alignment E (Fan et al., IJCAI 2018) with the constants and the
// edge cases of PySODMetrics 1.6.2. N pixels, T of them foreground, p the stretched map, g the mask, eps = 2^-52.
#pragma once

#include <cstdint>

#include "data/metrics/counts.h"

namespace purnet::metrics {

inline constexpr double eps = 2.220446049250313e-16;

// S = max(0, O/2 + R/2); 1 - mean(p) without foreground, mean(p) without background.
// O: mu s(p on g) + (1-mu) s(1-p off g), s = 2m / (m^2 + 1 + sd + eps), mu = T/N.
// R: the quadrants' structural similarity weighted by area. A quadrant without pixels weighs 0 and counts as 0 (the package
// gives NaN there); `empty_quadrant` says so.
struct StructureScore {
    double value = 0;
    bool empty_quadrant = false;
};
StructureScore structure_measure(const GreyView& map, const Levels& levels, const Counts& counts, double mean);

// E of one binary map. It may exceed 1 by N/(N-1), and a map of one pixel divides by eps: that is the package's definition.
double alignment_measure(int64_t pixels, int64_t foreground, int64_t positive, int64_t true_positive);

}  // namespace purnet::metrics
