#include "data/metrics/weighted_f.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "data/metrics/region_scores.h"

namespace purnet::metrics {
namespace {

constexpr int64_t radius = 3;
constexpr int64_t importance_entries = 1 << 14;

// One factor of the 7 x 7 kernel: exp(-(i^2+j^2)/50) over its sum is the product of two of these.
const std::array<double, 7>& gaussian() {
    static const std::array<double, 7> weights = [] {
        std::array<double, 7> w{};
        double sum = 0;
        for (int64_t i = -radius; i <= radius; ++i) sum += w[static_cast<size_t>(i + radius)] = std::exp(-static_cast<double>(i * i) / 50);
        for (double& x : w) x /= sum;
        return w;
    }();
    return weights;
}

double compute_importance(int64_t squared_distance) {
    return 2 - std::exp(std::log(0.5) / 5 * std::sqrt(static_cast<double>(squared_distance)));
}

}  // namespace

double WeightedF::importance(int64_t squared_distance) {
    if (squared_distance >= importance_entries) return compute_importance(squared_distance);
    if (importance_.empty()) importance_.assign(importance_entries, std::numeric_limits<double>::quiet_NaN());
    double& entry = importance_[static_cast<size_t>(squared_distance)];
    if (std::isnan(entry)) entry = compute_importance(squared_distance);
    return entry;
}

double WeightedF::measure(const GreyView& map, const Levels& levels, const uint8_t* inside) {
    const int64_t width = map.width, height = map.height;
    int64_t foreground = 0, top = height, bottom = 0;
    for (int64_t y = 0; y < height; ++y) {
        const int64_t here = width - std::count(inside + y * width, inside + (y + 1) * width, uint8_t{0});
        if (!here) continue;
        foreground += here;
        top = std::min(top, y);
        bottom = y + 1;
    }
    if (!foreground) return 0;
    nearest_.run(inside, width, height);

    // EA is needed at foreground pixels only, so only their rows and three beyond are blurred.
    const int64_t padded = width + 2 * radius;
    const int64_t first = std::max<int64_t>(top - radius, 0), end = std::min(bottom + radius, height);
    spread_.assign(static_cast<size_t>(padded), 0.0);
    blurred_.assign(static_cast<size_t>((bottom - top + 2 * radius) * width), 0.0);
    const std::array<double, 7>& g = gaussian();
    double false_positive = 0;
    for (int64_t y = 0; y < height; ++y) {
        const uint8_t* levels_of_row = map.row(y);
        const uint8_t* inside_row = inside + y * width;
        const bool wanted = y >= first && y < end;
        double* spread = spread_.data() + radius;
        for (int64_t x = 0; x < width; ++x) {
            const double p = levels.p[levels_of_row[x]];
            if (inside_row[x]) {
                spread[x] = std::abs(p - 1);
                continue;
            }
            const int64_t index = y * width + x;
            false_positive += std::abs(p) * importance(nearest_.squared_distance(index));
            if (wanted) {
                const NearestMember member = nearest_.nearest(index);
                spread[x] = std::abs(levels.p[map.row(member.y)[member.x]] - 1);
            }
        }
        if (!wanted) continue;
        double* out = blurred_.data() + (y - (top - radius)) * width;
        for (int64_t x = 0; x < width; ++x) {
            const double* s = spread + x - radius;
            out[x] = g[0] * s[0] + g[1] * s[1] + g[2] * s[2] + g[3] * s[3] + g[4] * s[4] + g[5] * s[5] + g[6] * s[6];
        }
    }

    double error_inside = 0;
    for (int64_t y = top; y < bottom; ++y) {
        const double* b = blurred_.data() + (y - top) * width;
        for (int64_t x = 0; x < width; ++x) {
            if (!inside[y * width + x]) continue;
            double blurred = 0;
            for (int64_t k = 0; k < 7; ++k) blurred += g[static_cast<size_t>(k)] * b[k * width + x];
            error_inside += std::min(std::abs(levels.p[map.row(y)[x]] - 1), blurred);
        }
    }
    const double total = static_cast<double>(foreground);
    const double true_positive = total - error_inside;
    const double recall = 1 - error_inside / total;
    const double precision = true_positive / (true_positive + false_positive + eps);
    return 2 * recall * precision / (recall + precision + eps);
}

}  // namespace purnet::metrics
