#include "data/augment/affine.h"

#include <cmath>
#include <cstring>

#include "kernels/augment/augment.h"

namespace purnet {

AffineMap rotation_about_centre(int width, int height, double degrees) {
    const double angle = degrees * (3.14159265358979323846 / 180), c = std::cos(angle), s = std::sin(angle);
    const double mx = (width - 1) / 2.0, my = (height - 1) / 2.0;
    // Rows run downwards: an anticlockwise turn of the picture takes each output point clockwise to its source.
    return {c, -s, mx - c * mx + s * my, s, c, my - s * mx - c * my};
}

AffineMap window(int width, int height, double left, double top, double w, double h) {
    const double sx = w / width, sy = h / height;
    return {sx, 0, left + sx / 2 - 0.5, 0, sy, top + sy / 2 - 0.5};
}

AffineMap compose(const AffineMap& outer, const AffineMap& inner) {
    return {inner.xx * outer.xx + inner.xy * outer.yx,
            inner.xx * outer.xy + inner.xy * outer.yy,
            inner.xx * outer.x0 + inner.xy * outer.y0 + inner.x0,
            inner.yx * outer.xx + inner.yy * outer.yx,
            inner.yx * outer.xy + inner.yy * outer.yy,
            inner.yx * outer.x0 + inner.yy * outer.y0 + inner.y0};
}

void write_map(const AffineMap& map, int height, uint8_t* to) {
    constexpr int64_t one = int64_t{1} << augment::place_bits;
    const auto fixed = [](double value) { return static_cast<int64_t>(std::llround(value * one)); };
    augment::Change change;
    std::memcpy(&change, to, sizeof change);
    change.warps = 1;
    change.dx = fixed(map.xx);
    change.dy = fixed(map.yx);
    std::memcpy(to, &change, sizeof change);
    for (int y = 0; y < height; ++y) {
        // A change's places are seen from the corner, half a pixel from the first centre.
        const augment::Place place{fixed(map.xy * y + map.x0) + one / 2, fixed(map.yy * y + map.y0) + one / 2};
        std::memcpy(to + sizeof change + static_cast<size_t>(y) * sizeof place, &place, sizeof place);
    }
}

}  // namespace purnet
