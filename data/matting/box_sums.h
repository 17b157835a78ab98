// Sums over the square window of 2 r + 1 pixels around every pixel, clipped at the picture's borders; the work does not depend on r.
//
// One row after the other: a sum for every column of the window's rows, which takes in the row below and gives up the one above,
// and along the row a running sum of those. Memory: K sums a column. With integers the sums are exact, however long they run.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace purnet::matting {

// For rows first .. last - 1 of a width x height picture: use(x, y, sums, pixels) for every pixel, where
// fill(x, y) gives the K values of a pixel as a std::array<Sum, K> and `pixels` is the number in the clipped window.
template <class Sum, size_t K, class Fill, class Use>
void box_sums(int width, int height, int radius, int first, int last, Fill&& fill, Use&& use) {
    using Values = std::array<Sum, K>;
    std::vector<Values> columns(static_cast<size_t>(width), Values{});
    const auto change = [&](int y, int sign) {
        if (y < 0 || y >= height) return;
        for (int x = 0; x < width; ++x) {
            const Values v = fill(x, y);
            Values& column = columns[static_cast<size_t>(x)];
            for (size_t k = 0; k < K; ++k) column[k] += sign > 0 ? v[k] : -v[k];
        }
    };
    for (int y = first - radius; y < first + radius; ++y) change(y, 1);
    for (int y = first; y < last; ++y) {
        change(y + radius, 1);
        const int rows = std::min(y + radius, height - 1) - std::max(y - radius, 0) + 1;
        Values sums{};
        for (int x = 0; x < std::min(radius, width); ++x)
            for (size_t k = 0; k < K; ++k) sums[k] += columns[static_cast<size_t>(x)][k];
        for (int x = 0; x < width; ++x) {
            if (x + radius < width)
                for (size_t k = 0; k < K; ++k) sums[k] += columns[static_cast<size_t>(x + radius)][k];
            if (x > radius)
                for (size_t k = 0; k < K; ++k) sums[k] -= columns[static_cast<size_t>(x - radius - 1)][k];
            use(x, y, sums, rows * (std::min(x + radius, width - 1) - std::max(x - radius, 0) + 1));
        }
        change(y - radius, -1);
    }
}

}  // namespace purnet::matting
