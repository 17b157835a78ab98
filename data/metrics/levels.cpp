#include "data/metrics/levels.h"

#include <algorithm>
#include <vector>

namespace purnet::metrics {
namespace {

constexpr int64_t pairwise_block = 128, buffer_pixels = 8192;

// The order of additions of numpy's reduction over n values, `step` bytes apart: eight running sums in blocks of up to 128,
// halves (rounded down to multiples of eight) added above that.
double pairwise_sum(const uint8_t* v, int64_t n, int64_t step, const double* p) {
    if (n < 8) {
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) sum += p[v[i * step]];
        return sum;
    }
    if (n <= pairwise_block) {
        double r[8];
        for (int k = 0; k < 8; ++k) r[k] = p[v[k * step]];
        int64_t i = 8;
        for (; i < n - n % 8; i += 8)
            for (int k = 0; k < 8; ++k) r[k] += p[v[(i + k) * step]];
        double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; ++i) sum += p[v[i * step]];
        return sum;
    }
    int64_t half = n / 2;
    half -= half % 8;
    return pairwise_sum(v, half, step, p) + pairwise_sum(v + half * step, n - half, step, p);
}

}  // namespace

Levels plain_levels() {
    Levels levels;
    for (int v = 0; v < 256; ++v) {
        levels.p[static_cast<size_t>(v)] = v / 255.0;
        levels.q[static_cast<size_t>(v)] = static_cast<uint8_t>(v);
    }
    return levels;
}

Levels stretched_levels(const GreyView& map) {
    Levels levels = plain_levels();
    const auto [low, high] = std::minmax_element(map.pixels, map.pixels + map.size());
    levels.constant = *low == *high;
    if (!levels.constant) {
        const double p_low = *low / 255.0, p_high = *high / 255.0;
        for (double& p : levels.p) p = (p - p_low) / (p_high - p_low);
    }
    // Levels outside the map's range never occur; their bins are clamped only to keep the conversion defined.
    for (size_t v = 0; v < 256; ++v) levels.q[v] = static_cast<uint8_t>(std::clamp(levels.p[v] * 255.0, 0.0, 255.0));
    return levels;
}

double mean_level(const GreyView& map, const Levels& levels, int64_t y0, int64_t y1, int64_t x0, int64_t x1) {
    const int64_t rows = y1 - y0, columns = x1 - x0;
    const uint8_t* first = map.row(y0) + x0;
    double sum = 0;
    if (columns == map.width) {
        sum = pairwise_sum(first, rows * columns, 1, levels.p.data());
    } else if (columns == 1) {
        sum = pairwise_sum(first, rows, map.width, levels.p.data());
    } else {
        // What is not one run in memory passes through a buffer, as many whole rows at a time as fit.
        const int64_t rows_at_once = std::max<int64_t>(1, buffer_pixels / columns);
        std::vector<uint8_t> buffer(static_cast<size_t>(std::min(rows, rows_at_once) * columns));
        for (int64_t y = 0; y < rows; y += rows_at_once) {
            const int64_t here = std::min(rows_at_once, rows - y);
            for (int64_t k = 0; k < here; ++k) std::copy_n(first + (y + k) * map.width, columns, buffer.data() + k * columns);
            sum += pairwise_sum(buffer.data(), here * columns, 1, levels.p.data());
        }
    }
    return sum / static_cast<double>(rows * columns);
}

}  // namespace purnet::metrics
