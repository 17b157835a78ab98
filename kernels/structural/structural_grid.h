// The workspace of the CUDA twin: for each image, sums over the regions by segment of pixels, means, rows of pairs, the number of
// regions.
#pragma once

#include "kernels/structural/structural.h"

namespace purnet::structural {

inline constexpr int segments = 8;  // of an image's pixels
inline constexpr int values = 5;    // m, 1 - m, g, 1 - g, pixels
inline constexpr int64_t grid_doubles = (segments * values + values + 2) * most_regions + 1;

}  // namespace purnet::structural
