// Where the pixels of a picture that is turned or cropped come from, in pixel coordinates with whole numbers at the centres of pixels:
//     source x = xx x + xy y + x0,   source y = yx x + yy y + y0.
#pragma once

#include <cstdint>

namespace purnet {

struct AffineMap {
    double xx = 1, xy = 0, x0 = 0;
    double yx = 0, yy = 1, y0 = 0;
};

// Turns the picture by `degrees` anticlockwise (as it is looked at) about its centre.
AffineMap rotation_about_centre(int width, int height, double degrees);

// Shows the window [left, left + w) x [top, top + h) of the picture at the whole size.
AffineMap window(int width, int height, double left, double top, double w, double h);

// First through `outer`, and what comes out through `inner`: both changes of a picture in one interpolation.
AffineMap compose(const AffineMap& outer, const AffineMap& inner);

// The map as the part of a change (kernels/augment/augment.h) that says where pixels come from, rounded to its units of 2^-20 pixels.
// `change` is change_bytes(height) long.
void write_map(const AffineMap& map, int height, uint8_t* change);

}  // namespace purnet
