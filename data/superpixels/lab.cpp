// sRGB to CIELAB through tables: 256 linear values, then f(t) = t^(1/3), or its tangent near black, at 2^14 places.
#include <cmath>
#include <vector>

#include "data/superpixels/slic.h"

namespace purnet::slic_detail {
namespace {

constexpr int steps = 1 << 14;
constexpr double f_scale = 1 << 14;

struct Tables {
    int32_t linear[256];  // 0 .. 65535
    std::vector<int32_t> f = std::vector<int32_t>(steps);
    // XYZ over the white point; each row sums to 65536, so that grey is exactly a = b = 0
    int32_t matrix[3][3];

    Tables() {
        for (int v = 0; v < 256; ++v) {
            const double c = v / 255.0;
            linear[v] = static_cast<int32_t>(std::lround(65535 * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4))));
        }
        for (int i = 0; i < steps; ++i) {
            const double t = static_cast<double>(i) / (steps - 1);
            const double value = t > 0.008856 ? std::cbrt(t) : (903.3 * t + 16) / 116;
            f[static_cast<size_t>(i)] = static_cast<int32_t>(std::lround(value * f_scale));
        }
        constexpr double to_xyz[3][3] = {
            {0.4124564, 0.3575761, 0.1804375}, {0.2126729, 0.7151522, 0.0721750}, {0.0193339, 0.1191920, 0.9503041}};
        for (int r = 0; r < 3; ++r) {
            const double sum = to_xyz[r][0] + to_xyz[r][1] + to_xyz[r][2];
            matrix[r][0] = static_cast<int32_t>(std::lround(65536 * to_xyz[r][0] / sum));
            matrix[r][2] = static_cast<int32_t>(std::lround(65536 * to_xyz[r][2] / sum));
            matrix[r][1] = 65536 - matrix[r][0] - matrix[r][2];
        }
    }
};

}  // namespace

void to_lab(const Image& rgb, const Planes& planes) {
    static const Tables tables;
    const int32_t* f = tables.f.data();
    const auto place = [](const int32_t* row, uint32_t r, uint32_t g, uint32_t b) {
        // 16 + 16 bits to 14: at most 65535 * 65536 / 2^18 = 16383.75
        return (static_cast<uint32_t>(row[0]) * r + static_cast<uint32_t>(row[1]) * g + static_cast<uint32_t>(row[2]) * b) >> 18;
    };
    for (int y = 0; y < planes.height; ++y) {
        const uint8_t* from = rgb.row(y);
        const size_t start = static_cast<size_t>(y) * static_cast<size_t>(planes.stride);
        for (size_t x = 0; x < static_cast<size_t>(planes.width); ++x, from += 3) {
            const uint32_t r = static_cast<uint32_t>(tables.linear[from[0]]), g = static_cast<uint32_t>(tables.linear[from[1]]),
                           b = static_cast<uint32_t>(tables.linear[from[2]]);
            const int32_t fx = f[place(tables.matrix[0], r, g, b)], fy = f[place(tables.matrix[1], r, g, b)],
                          fz = f[place(tables.matrix[2], r, g, b)];
            // L = 116 fy - 16, a = 500 (fx - fy), b = 200 (fy - fz), each in 1/64 and rounded
            planes.l[start + x] = static_cast<int16_t>(((116 * 64 * fy + (1 << 13)) >> 14) - 16 * 64);
            planes.a[start + x] = static_cast<int16_t>((500 * 64 * (fx - fy) + (1 << 13)) >> 14);
            planes.b[start + x] = static_cast<int16_t>((200 * 64 * (fy - fz) + (1 << 13)) >> 14);
            int16_t* quad = planes.quads + 4 * (start + x);
            quad[0] = planes.l[start + x], quad[1] = planes.a[start + x], quad[2] = planes.b[start + x], quad[3] = 1;
        }
    }
}

}  // namespace purnet::slic_detail
