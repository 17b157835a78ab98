#include "data/matting/guided_filter.h"

#include <cmath>
#include <cstdint>

#include "data/matting/box_sums.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet::matting {
namespace {

constexpr int words = 65535;

// Sums of p, of I, of I p, and of I I in the order rr rg rb gg gb bb.
using Moments = std::array<int64_t, 13>;
// a for three colours (for bytes), b.
using Linear = std::array<float, 4>;

Moments moments_of(const uint8_t* rgb, int64_t p) {
    const int64_t r = rgb[0], g = rgb[1], b = rgb[2];
    return {p, r, g, b, r * p, g * p, b * p, r * r, r * g, r * b, g * g, g * b, b * b};
}

// With radius <= 256 a window holds n < 2^18.1 pixels, so that n times a sum of I p stays below 2^60.3.
Linear solve(const Moments& m, int64_t n, double epsilon) {
    if (m[0] == 0) return {0, 0, 0, 0};
    if (m[0] == n * words) return {0, 0, 0, 1};
    const double count = static_cast<double>(n), scale = 1 / (count * count);
    const auto covariance = [&](size_t product, size_t one, size_t other) {
        return static_cast<double>(n * m[product] - m[one] * m[other]) * scale;
    };
    const double unit = 255.0 * 255.0;
    const double rr = covariance(7, 1, 1) / unit + epsilon, rg = covariance(8, 1, 2) / unit, rb = covariance(9, 1, 3) / unit,
                 gg = covariance(10, 2, 2) / unit + epsilon, gb = covariance(11, 2, 3) / unit, bb = covariance(12, 3, 3) / unit + epsilon;
    const double pr = covariance(4, 1, 0) / (255.0 * words), pg = covariance(5, 2, 0) / (255.0 * words),
                 pb = covariance(6, 3, 0) / (255.0 * words);
    // Cramer's rule; the matrix is positive definite because epsilon is positive.
    const double c00 = gg * bb - gb * gb, c01 = rb * gb - rg * bb, c02 = rg * gb - rb * gg, c11 = rr * bb - rb * rb,
                 c12 = rg * rb - rr * gb, c22 = rr * gg - rg * rg;
    const double inverse = 1 / (rr * c00 + rg * c01 + rb * c02);
    const double ar = (c00 * pr + c01 * pg + c02 * pb) * inverse / 255, ag = (c01 * pr + c11 * pg + c12 * pb) * inverse / 255,
                 ab = (c02 * pr + c12 * pg + c22 * pb) * inverse / 255;
    const double b = static_cast<double>(m[0]) / (count * words) -
                     (ar * static_cast<double>(m[1]) + ag * static_cast<double>(m[2]) + ab * static_cast<double>(m[3])) / count;
    return {static_cast<float>(ar), static_cast<float>(ag), static_cast<float>(ab), static_cast<float>(b)};
}

}  // namespace

std::vector<float> guided_filter(const Image& rgb, const std::vector<float>& map, int radius, double epsilon) {
    require(rgb.channels == 3 && rgb.pixels.size() == 3 * map.size(), "guided filter: a map of ", map.size(),
            " values does not belong to a picture of ", rgb.width, " x ", rgb.height, " pixels with ", rgb.channels, " channels");
    require(radius >= 1 && radius <= 256, "guided filter: a radius of ", radius, " pixels: use 1 to 256");
    require(epsilon > 0 && std::isfinite(epsilon), "guided filter: epsilon is ", epsilon, ": use a positive number");
    const int width = rgb.width, height = rgb.height;
    std::vector<uint16_t> p(map.size());
    for (size_t i = 0; i < map.size(); ++i) p[i] = map[i] > 0 ? static_cast<uint16_t>(std::lround(std::min(map[i], 1.0f) * words)) : 0;

    std::vector<float> out(map.size());
    const int stripe = std::max(256, 4 * radius);
    parallel_for((height + stripe - 1) / stripe, 1, [&](int64_t begin, int64_t end) {
        for (int64_t s = begin; s < end; ++s) {
            const int first = static_cast<int>(s) * stripe, last = std::min(height, first + stripe);
            const int top = std::max(0, first - radius), bottom = std::min(height, last + radius);
            std::vector<Linear> linear(static_cast<size_t>(bottom - top) * static_cast<size_t>(width));
            const auto place = [&](int x, int y) { return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x); };
            box_sums<int64_t, 13>(
                width, height, radius, top, bottom, [&](int x, int y) { return moments_of(rgb.at(x, y), p[place(x, y)]); },
                [&](int x, int y, const Moments& sums, int n) { linear[place(x, y - top)] = solve(sums, n, epsilon); });
            box_sums<double, 4>(
                width, height, radius, first, last,
                [&](int x, int y) {
                    const Linear& l = linear[place(x, y - top)];
                    return std::array<double, 4>{l[0], l[1], l[2], l[3]};
                },
                [&](int x, int y, const std::array<double, 4>& sums, int n) {
                    const uint8_t* colour = rgb.at(x, y);
                    const double q = (sums[0] * colour[0] + sums[1] * colour[1] + sums[2] * colour[2] + sums[3]) / n;
                    out[place(x, y)] = static_cast<float>(std::clamp(q, 0.0, 1.0));
                });
        }
    });
    return out;
}

}  // namespace purnet::matting
