#include "data/matting/foreground.h"

#include <cmath>
#include <cstdint>

#include "data/matting/box_sums.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet::matting {
namespace {

constexpr int stripe = 512;

// body(first, last) for stripes of rows.
template <class Body>
void for_stripes(int height, Body&& body) {
    parallel_for((height + stripe - 1) / stripe, 1, [&](int64_t begin, int64_t end) {
        for (int64_t s = begin; s < end; ++s) body(static_cast<int>(s) * stripe, std::min(height, static_cast<int>(s + 1) * stripe));
    });
}

// Of the quotient of two sums.
uint8_t rounded(int64_t sum, int64_t weight) { return static_cast<uint8_t>((sum + weight / 2) / weight); }

std::vector<uint8_t> weights_of(const char* what, const Image& rgb, const std::vector<float>& alpha, int radius) {
    require(rgb.channels == 3 && rgb.pixels.size() == 3 * alpha.size(), what, ": ", alpha.size(), " values of alpha do not belong to ",
            rgb.width, " x ", rgb.height, " pixels with ", rgb.channels, " channels");
    require(radius >= 1 && radius <= 256, what, ": a radius of ", radius, " pixels: use 1 to 256");
    std::vector<uint8_t> weights(alpha.size());
    for (size_t i = 0; i < alpha.size(); ++i)
        weights[i] = alpha[i] > 0 ? static_cast<uint8_t>(std::lround(std::min(alpha[i], 1.0f) * 255)) : 0;
    return weights;
}

size_t place(const Image& image, int x, int y) {
    return static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x);
}

using Sums = std::array<int64_t, 7>;  // weight, weighted foreground, weighted background

// One step of the estimate, and beside it the mean background.
void step(const Image& rgb, const std::vector<uint8_t>& weights, const Image& foreground, const Image& background, int radius, Image& out,
          Image* out_background) {
    for_stripes(rgb.height, [&](int first, int last) {
        box_sums<int64_t, 7>(
            rgb.width, rgb.height, radius, first, last,
            [&](int x, int y) {
                const int64_t w = weights[place(rgb, x, y)];
                const uint8_t *f = foreground.at(x, y), *b = background.at(x, y);
                return Sums{w, w * f[0], w * f[1], w * f[2], (255 - w) * b[0], (255 - w) * b[1], (255 - w) * b[2]};
            },
            [&](int x, int y, const Sums& sums, int n) {
                const int64_t inside = sums[0], outside = int64_t{255} * n - sums[0];
                const double alpha = weights[place(rgb, x, y)] / 255.0;
                const uint8_t* colour = rgb.at(x, y);
                for (size_t c = 0; c < 3; ++c) {
                    const double b = outside ? static_cast<double>(sums[4 + c]) / static_cast<double>(outside) : colour[c];
                    double f = colour[c];
                    if (inside) {
                        f = static_cast<double>(sums[1 + c]) / static_cast<double>(inside);
                        f += alpha * (colour[c] - alpha * f - (1 - alpha) * b);
                    }
                    out.at(x, y)[c] = static_cast<uint8_t>(std::lround(std::clamp(f, 0.0, 255.0)));
                    if (out_background) out_background->at(x, y)[c] = static_cast<uint8_t>(std::lround(b));
                }
            });
    });
}

}  // namespace

Image foreground_colours(const Image& rgb, const std::vector<float>& alpha, int radius) {
    const std::vector<uint8_t> weights = weights_of("foreground colours", rgb, alpha, radius);
    Image foreground(rgb.width, rgb.height, 3), background(rgb.width, rgb.height, 3), out(rgb.width, rgb.height, 3);
    step(rgb, weights, rgb, rgb, radius, foreground, &background);
    step(rgb, weights, foreground, background, std::max(1, radius / 15), out, nullptr);
    return out;
}

Image blurred_background(const Image& rgb, const std::vector<float>& alpha, int radius) {
    const std::vector<uint8_t> weights = weights_of("blurred background", rgb, alpha, radius);
    Image filled(rgb.width, rgb.height, 3), out(rgb.width, rgb.height, 3);
    for_stripes(rgb.height, [&](int first, int last) {
        box_sums<int64_t, 4>(
            rgb.width, rgb.height, radius, first, last,
            [&](int x, int y) {
                const int64_t w = 255 - weights[place(rgb, x, y)];
                const uint8_t* c = rgb.at(x, y);
                return std::array<int64_t, 4>{w, w * c[0], w * c[1], w * c[2]};
            },
            [&](int x, int y, const std::array<int64_t, 4>& sums, int) {
                for (size_t c = 0; c < 3; ++c) filled.at(x, y)[c] = sums[0] ? rounded(sums[1 + c], sums[0]) : rgb.at(x, y)[c];
            });
    });
    for (int turn = 0; turn < 2; ++turn) {
        for_stripes(rgb.height, [&](int first, int last) {
            box_sums<int64_t, 3>(
                rgb.width, rgb.height, radius, first, last,
                [&](int x, int y) {
                    const uint8_t* c = filled.at(x, y);
                    return std::array<int64_t, 3>{c[0], c[1], c[2]};
                },
                [&](int x, int y, const std::array<int64_t, 3>& sums, int n) {
                    for (size_t c = 0; c < 3; ++c) out.at(x, y)[c] = rounded(sums[c], n);
                });
        });
        std::swap(filled, out);
    }
    return filled;
}

}  // namespace purnet::matting
