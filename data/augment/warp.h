// Geometric changes of pictures, masks and label maps of one size.
//
// A map says where an output pixel comes from, in pixel coordinates with whole numbers at the centres of pixels:
//     source x = xx x + xy y + x0,   source y = yx x + yy y + y0.
// A source point outside of the picture's area, [-1/2, w - 1/2) x [-1/2, h - 1/2), gives 0; inside, `warp_bilinear` mixes the four
// neighbours (edges repeated) with weights of 8 bits, `warp_nearest` takes the pixel it falls into. Places are integers of 2^-20 pixels.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/image/image.h"

namespace purnet {

struct AffineMap {
    double xx = 1, xy = 0, x0 = 0;
    double yx = 0, yy = 1, y0 = 0;
};

// Turns the picture by `degrees` anticlockwise (as it is looked at) about its centre.
AffineMap rotation_about_centre(int width, int height, double degrees);

// Shows the window [left, left + w) x [top, top + h) of the picture at the whole size.
AffineMap window(int width, int height, double left, double top, double w, double h);

// First through `outer`, and what comes out through `inner`: warp(warp(p, inner), outer) without the second interpolation.
AffineMap compose(const AffineMap& outer, const AffineMap& inner);

Image warp_bilinear(const Image& image, const AffineMap& map);
Image warp_nearest(const Image& image, const AffineMap& map);
LabelMap warp_nearest(const LabelMap& labels, const AffineMap& map);

// Mirrors left and right, in place.
void flip(Image& image);
void flip(LabelMap& labels);

}  // namespace purnet
