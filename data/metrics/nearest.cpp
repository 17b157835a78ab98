#include "data/metrics/nearest.h"

#include "kernels/runtime/error.h"

namespace purnet::metrics {
namespace {

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

}  // namespace

void NearestTransform::run(const uint8_t* member, int64_t width, int64_t height) {
    require(width > 0 && height > 0 && width <= 1 << 20 && height <= 1 << 20, "distance transform: a picture of ", width, " x ", height,
            " is outside 1 x 1 .. 1048576 x 1048576");
    const size_t pixels = static_cast<size_t>(width * height);
    column_row_.resize(pixels);
    squared_.resize(pixels);
    nearest_.resize(pixels);
    site_.resize(static_cast<size_t>(width));
    from_.resize(static_cast<size_t>(width));

    // Downwards the last member seen above, then upwards a strictly nearer one below: the smaller row wins a tie.
    int32_t* rows = column_row_.data();
    for (int64_t x = 0; x < width; ++x) rows[x] = member[x] ? 0 : -1;
    for (int64_t y = 1; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            rows[y * width + x] = member[y * width + x] ? static_cast<int32_t>(y) : rows[(y - 1) * width + x];
    for (int64_t y = height - 2; y >= 0; --y)
        for (int64_t x = 0; x < width; ++x) {
            const int32_t above = rows[y * width + x], below = rows[(y + 1) * width + x];
            if (below > y && (above < 0 || below - y < y - above)) rows[y * width + x] = below;
        }

    for (int64_t y = 0; y < height; ++y) {
        const int32_t* row = rows + y * width;
        const auto height_of = [&](int64_t u) { return (row[u] - y) * (row[u] - y); };
        const auto value = [&](int64_t x, int64_t u) { return (x - u) * (x - u) + height_of(u); };
        int64_t last = -1;
        for (int64_t u = 0; u < width; ++u) {
            if (row[u] < 0) continue;
            // A parabola stays where it is at least as low as a later one: the smaller column wins a tie.
            while (last >= 0 &&
                   value(from_[static_cast<size_t>(last)], site_[static_cast<size_t>(last)]) > value(from_[static_cast<size_t>(last)], u))
                --last;
            int64_t begin = 0;
            if (last >= 0) {
                const int64_t s = site_[static_cast<size_t>(last)];
                begin = 1 + floor_divide(u * u - s * s + height_of(u) - height_of(s), 2 * (u - s));
            }
            if (begin >= width) continue;
            ++last;
            site_[static_cast<size_t>(last)] = static_cast<int32_t>(u);
            from_[static_cast<size_t>(last)] = static_cast<int32_t>(begin);
        }
        require(last >= 0, "distance transform: no pixel is a member");
        for (int64_t x = width - 1; x >= 0; --x) {
            while (from_[static_cast<size_t>(last)] > x) --last;
            const int32_t u = site_[static_cast<size_t>(last)];
            squared_[static_cast<size_t>(y * width + x)] = value(x, u);
            nearest_[static_cast<size_t>(y * width + x)] = {u, row[u]};
        }
    }
}

}  // namespace purnet::metrics
