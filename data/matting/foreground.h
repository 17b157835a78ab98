// The colours of an object without those of its background.
//
// A soft pixel shows I = alpha F + (1 - alpha) B: pasted before something else with I as its colour, the object keeps a seam of its old
// background. F is estimated from its neighbours, twice, in a wide window and in a narrow one:
//     F' = sum(alpha F) / sum(alpha),   B' = sum((1 - alpha) B) / sum(1 - alpha)    over the window, F = B = I the first time,
//     F  = F' + alpha (I - alpha F' - (1 - alpha) B')   clamped; pixels without foreground in reach keep I.
// Opaque pixels keep their colour exactly.
// Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (the windows here are squares).
//
// rgb: H,W,3 bytes; alpha: H,W values in [0, 1], taken in steps of 1/255. radius: of the wide window, 1..256; the narrow one is a
// fifteenth of it. Work is linear in the pixels. Errors: sizes that differ, a radius outside its range.
#pragma once

#include <vector>

#include "data/image/image.h"

namespace purnet::matting {

Image foreground_colours(const Image& rgb, const std::vector<float>& alpha, int radius);

// The background alone, out of focus: the mean of the pixels of a square window, each counting with 1 - alpha so that the object does
// not shine through, then two more plain means (three boxes in a row come close to a Gaussian of deviation sqrt(radius (radius + 1))).
// Where the window holds nothing but object, its own colours stand. radius: 1..256.
Image blurred_background(const Image& rgb, const std::vector<float>& alpha, int radius);

}  // namespace purnet::matting
