// Weighted F-measure (Margolin, Zelnik-Manor, Tal, CVPR 2014) with beta^2 = 1 and the edge cases of PySODMetrics 1.6.2.
//
// E = |p - g|. Et = E inside the mask, E at the nearest foreground pixel outside. EA = Et convolved with a 7 x 7 Gaussian of
// sigma 5, zero beyond the border. M = min(E, EA) inside, E outside. B = 1 inside, 2 - exp(ln(1/2)/5 D) outside, with D the
// distance to the foreground. Ew = M B; TP = T - sum_in Ew, FP = sum_out Ew, R = 1 - mean_in Ew, P = TP/(TP+FP+eps),
// result 2RP/(R+P+eps); 0 without foreground.
#pragma once

#include <cstdint>
#include <vector>

#include "data/metrics/levels.h"
#include "data/metrics/nearest.h"

namespace purnet::metrics {

class WeightedF {
public:
    // `inside` has one byte a pixel, not 0 where the mask is foreground.
    double measure(const GreyView& map, const Levels& levels, const uint8_t* inside);

private:
    double importance(int64_t squared_distance);

    NearestTransform nearest_;
    std::vector<double> importance_;  // B by squared distance, NaN where not computed yet
    std::vector<double> spread_;      // Et, with three columns of zeros on either side
    std::vector<double> blurred_;     // Et blurred along rows, with three rows of zeros above and below
};

}  // namespace purnet::metrics
