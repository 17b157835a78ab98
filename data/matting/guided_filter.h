// Edges of a map moved to the edges of its picture.
//
// Guided filter with a colour guide I: in every window of 2 r + 1 pixels squared the result is a linear function of the colour,
//     q = a . I + b,   a = (cov(I) + epsilon 1)^-1 cov(I, p),   b = mean(p) - a . mean(I),
// and a pixel takes the mean of a and b over all windows that hold it. Colours and p count from 0 to 1; epsilon is in squared units of
// colour: contrasts well above sqrt(epsilon) are edges to follow, weaker ones are smoothed over. Windows are clipped at the borders.
// Source: He, Sun and Tang, "Guided Image Filtering", IEEE TPAMI 2013, equations 19 to 21.
//
// rgb: H,W,3 bytes; map: H,W values, clamped to 0..1 (NaN counts as 0) and taken in steps of 1/65535. Returns H,W values in [0, 1].
// Work is linear in the pixels whatever the radius; memory besides the result is a stripe of rows. The result does not depend on the
// number of threads.
// Errors: sizes that differ, a radius outside 1..256, epsilon not positive.
#pragma once

#include <vector>

#include "data/image/image.h"

namespace purnet::matting {

std::vector<float> guided_filter(const Image& rgb, const std::vector<float>& map, int radius, double epsilon);

}  // namespace purnet::matting
