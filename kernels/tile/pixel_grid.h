// A picture as the copy engine of sm_90 sees it, and whether it can: known without a device (kernels/tile/tensor_map.h makes the map).
#pragma once

#include <cstdint>

namespace purnet::tile {

inline constexpr int map_row = 64;  // elements of a row of a box

// A picture N,H,W,C as the rows of an implicit product: `pixels` places one after the other, 64 channels each. Places are those of
// an out_h x out_w grid in every picture, `stride` apart, the first at (first_h, first_w), which may lie outside.
struct PixelGrid {
    int64_t n, h, w, c;
    int64_t out_h, out_w;
    int stride;
    int first_h, first_w;

    // The engine's two corners of the grid: distances of its first place from (0, 0), and of its last from (h - 1, w - 1).
    int64_t last_h() const { return first_h + (out_h - 1) * stride - (h - 1); }
    int64_t last_w() const { return first_w + (out_w - 1) * stride - (w - 1); }
};
// Whether the engine can express the grid with displacements up to (most_h, most_w).
inline bool fits_pixel_map(const PixelGrid& g, int64_t most_h, int64_t most_w) {
    const auto corner = [](int64_t at) { return at >= -128 && at <= 127; };
    return g.c % 8 == 0 && g.stride <= 8 && corner(g.first_h) && corner(g.first_w) && corner(g.last_h()) && corner(g.last_w()) &&
           most_h < 255 && most_w < 255;
}

}  // namespace purnet::tile
