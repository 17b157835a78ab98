// Superpixels by SLIC: k-means in colour and place, each centre looking at its neighbourhood only, then parts made connected.
//
// With N = w h pixels and K regions asked for: S = round(sqrt(N / K)); seeds on a grid of step S, stretched over the picture, each moved to
// the lowest gradient of its 3 x 3 neighbourhood; then, ten times, every pixel p joins the centre c among those with |x_p - x_c|, |y_p -
// y_c| <= S of least
//     D = |Lab_p - Lab_c|^2 + (m / S)^2 |xy_p - xy_c|^2      (ties: the lower number)
// and every centre becomes the mean of its pixels. At the end each 4-connected component of more than N / K / 4 pixels is a region; a
// smaller one joins the region beside its first pixel. Numbers run from 0 without gaps, in the order of the regions' first pixels; their
// count differs from K. Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", PAMI 2012, and the
// authors' choices of details.
//
// All in integers: Lab in 1/64, places in 1/64 pixel. So the result is the same on every processor, and a cache of it stays valid.
// Cost: about 4 distances a pixel and round, each three multiplications; memory 26 bytes a pixel. Runs on the calling thread.
// Errors: not RGB, a side above 32768, more than 2^28 pixels, options out of range.
#pragma once

#include <cstdint>

#include "data/image/image.h"
#include "kernels/runtime/isa.h"

namespace purnet {

// Of the labels that come out: another number wherever any of them changes, so that a cache (cache.h) doesn't give the old ones.
inline constexpr uint64_t slic_version = 1;

struct SlicOptions {
    int regions = 256;        // asked for, 1 .. 65535
    double compactness = 10;  // m, 0.1 .. 100: the weight of place against colour
    int iterations = 10;

    bool operator==(const SlicOptions&) const = default;
};

struct Superpixels {
    LabelMap labels;
    int count = 0;
};

Superpixels slic(const Image& rgb, const SlicOptions& options = {});

namespace slic_detail {

// Planes have rows of `stride` elements; each row is followed by at least `lanes` elements that may be overwritten.
inline constexpr int lanes = 16;
inline constexpr int32_t far = 0x3fffffff;  // beyond every distance; twice it still fits

struct Planes {
    int width, height, stride;
    int16_t *l, *a, *b;  // CIELAB in 1/64
    int16_t* quads;      // the same as (l, a, b, 1) for each pixel
    int32_t* distance;
    int32_t* label;
};

// Sums over the pixels of a centre.
struct Sums {
    int32_t l, a, b, count, x, y, unused[2];
};
// Four neighbouring pixels add to four sets of sums: one set would make each addition wait for the one before.
inline constexpr int sum_sets = 4;

struct Centre {
    int32_t l, a, b;  // 1/64
    int32_t x, y;     // 1/64 pixel
};

// sRGB to CIELAB (D65).
void to_lab(const Image& rgb, const Planes& planes);

// Components to regions as the header says; returns their number. Labels below 0 are legal on the way in.
int connect(int32_t* labels, int width, int height, int stride, int64_t smallest);

}  // namespace slic_detail

PURNET_SIMD(
    // One centre against its window; `across` has the squared distances of place along x for columns x0 .. and slic_detail::far behind the
    // last, up to a multiple of `lanes`; `down` those of rows y0 ..
    void slic_assign(const slic_detail::Planes& planes, const slic_detail::Centre& centre, int number, int x0, int columns, int y0,
                     int rows, const int32_t* across, const int32_t* down);
    // Adds the pixels of rows y0 .. y1 - 1 to sums[sum_sets * (label + 1) + x % sum_sets].
    void slic_sum(const slic_detail::Planes& planes, int y0, int y1, slic_detail::Sums* sums);)

}  // namespace purnet
