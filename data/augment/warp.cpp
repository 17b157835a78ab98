#include "data/augment/warp.h"

#include <algorithm>
#include <utility>

namespace purnet {
namespace {

constexpr int bits = 20;
constexpr int64_t one = int64_t{1} << bits, half = one / 2;

int64_t fixed(double value) { return std::llround(value * one); }

// Calls inside(output index, source x, source y) for every output pixel that has a source; places are shifted by half a pixel, so that the
// picture's area is [0, w) x [0, h).
template <class T, class Inside>
void for_sources(const BasicImage<T>& image, const AffineMap& map, Inside&& inside) {
    const int64_t dx = fixed(map.xx), dy = fixed(map.yx), right = image.width * one, bottom = image.height * one;
    size_t index = 0;
    for (int y = 0; y < image.height; ++y) {
        int64_t sx = fixed(map.xy * y + map.x0) + half, sy = fixed(map.yy * y + map.y0) + half;
        for (int x = 0; x < image.width; ++x, ++index, sx += dx, sy += dy)
            if (sx >= 0 && sx < right && sy >= 0 && sy < bottom) inside(index, sx, sy);
    }
}

template <class T>
BasicImage<T> nearest(const BasicImage<T>& image, const AffineMap& map) {
    BasicImage<T> result(image.width, image.height, image.channels);
    const size_t channels = static_cast<size_t>(image.channels);
    for_sources(image, map, [&](size_t index, int64_t sx, int64_t sy) {
        const T* from = image.at(static_cast<int>(sx >> bits), static_cast<int>(sy >> bits));
        for (size_t c = 0; c < channels; ++c) result.pixels[index * channels + c] = from[c];
    });
    return result;
}

template <class T>
void mirror(BasicImage<T>& image) {
    for (int y = 0; y < image.height; ++y)
        for (int left = 0, right = image.width - 1; left < right; ++left, --right)
            std::swap_ranges(image.at(left, y), image.at(left, y) + image.channels, image.at(right, y));
}

}  // namespace

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

Image warp_bilinear(const Image& image, const AffineMap& map) {
    Image result(image.width, image.height, image.channels);
    const size_t channels = static_cast<size_t>(image.channels);
    for_sources(image, map, [&](size_t index, int64_t sx, int64_t sy) {
        const int64_t px = sx - half, py = sy - half;  // back to centres: down to -1/2
        const int left = static_cast<int>(px >> bits), above = static_cast<int>(py >> bits);
        const int fx = static_cast<int>((px >> (bits - 8)) & 255), fy = static_cast<int>((py >> (bits - 8)) & 255);
        const int x0 = std::max(left, 0), x1 = std::min(left + 1, image.width - 1), y0 = std::max(above, 0),
                  y1 = std::min(above + 1, image.height - 1);
        const uint8_t *a = image.at(x0, y0), *b = image.at(x1, y0), *c = image.at(x0, y1), *d = image.at(x1, y1);
        uint8_t* to = result.pixels.data() + index * channels;
        for (size_t k = 0; k < channels; ++k) {
            const int upper = a[k] * (256 - fx) + b[k] * fx, lower = c[k] * (256 - fx) + d[k] * fx;
            to[k] = static_cast<uint8_t>((upper * (256 - fy) + lower * fy + (1 << 15)) >> 16);
        }
    });
    return result;
}

Image warp_nearest(const Image& image, const AffineMap& map) { return nearest(image, map); }
LabelMap warp_nearest(const LabelMap& labels, const AffineMap& map) { return nearest(labels, map); }

void flip(Image& image) { mirror(image); }
void flip(LabelMap& labels) { mirror(labels); }

}  // namespace purnet
