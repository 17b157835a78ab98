#include "data/superpixels/slic.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

using slic_detail::Centre;
using slic_detail::Planes;
using slic_detail::Sums;

// Seeds along one axis: a strip each, what is left over spread among them.
std::vector<int> seeds_along(int size, int step) {
    const int strips = std::max(1, std::min(static_cast<int>(0.5 + static_cast<double>(size) / step), size / step));
    std::vector<int> places(static_cast<size_t>(strips));
    for (int i = 0; i < strips; ++i)
        places[static_cast<size_t>(i)] =
            std::clamp(i * step + step / 2 + static_cast<int>(static_cast<int64_t>(i) * (size - strips * step) / strips), 0, size - 1);
    return places;
}

int64_t gradient(const Planes& planes, int x, int y) {
    if (x < 1 || y < 1 || x >= planes.width - 1 || y >= planes.height - 1) return 0;
    const int64_t at = static_cast<int64_t>(y) * planes.stride + x;
    int64_t sum = 0;
    for (const int16_t* plane : {planes.l, planes.a, planes.b}) {
        const int64_t dx = plane[at - 1] - plane[at + 1], dy = plane[at - planes.stride] - plane[at + planes.stride];
        sum += dx * dx + dy * dy;
    }
    return sum;
}

std::vector<Centre> place_seeds(const Planes& planes, int step) {
    constexpr int neighbours[8][2] = {{-1, 0}, {-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}, {0, 1}, {-1, 1}};
    std::vector<Centre> centres;
    const std::vector<int> columns = seeds_along(planes.width, step);
    for (const int y : seeds_along(planes.height, step))
        for (const int x : columns) {
            int bx = x, by = y;
            int64_t best = gradient(planes, x, y);
            for (const auto& [dx, dy] : neighbours) {
                const int nx = x + dx, ny = y + dy;
                if (nx < 0 || ny < 0 || nx >= planes.width || ny >= planes.height) continue;
                const int64_t value = gradient(planes, nx, ny);
                if (value < best) best = value, bx = nx, by = ny;
            }
            const int64_t at = static_cast<int64_t>(by) * planes.stride + bx;
            centres.push_back({planes.l[at], planes.a[at], planes.b[at], bx * 64, by * 64});
        }
    return centres;
}

int32_t rounded(int64_t sum, int64_t count) {
    const int64_t twice = 2 * sum + count;  // floor of (sum / count + 1/2), below zero too
    return static_cast<int32_t>(twice >= 0 ? twice / (2 * count) : -((-twice + 2 * count - 1) / (2 * count)));
}

struct Totals {
    int64_t l = 0, a = 0, b = 0, count = 0, x = 0, y = 0;
};

void update(const Planes& planes, int step, std::vector<Centre>& centres, std::vector<Sums>& sums, std::vector<Totals>& totals) {
    // Sums of 32 bits hold as many rows of a centre's window as this; usually all there are.
    const int64_t most = std::max({planes.width, planes.height, 8192});
    const int rows = static_cast<int>(std::clamp<int64_t>(int64_t{0x7fffffff} / (most * 2 * step), 1, planes.height));
    std::fill(totals.begin(), totals.end(), Totals{});
    for (int y = 0; y < planes.height; y += rows) {
        std::fill(sums.begin(), sums.end(), Sums{});
        PURNET_PICK(slic_sum)(planes, y, std::min(y + rows, planes.height), sums.data());
        for (size_t i = slic_detail::sum_sets; i < sums.size(); ++i) {
            const Sums& sum = sums[i];
            Totals& total = totals[i / slic_detail::sum_sets - 1];
            total.l += sum.l, total.a += sum.a, total.b += sum.b, total.count += sum.count, total.x += sum.x, total.y += sum.y;
        }
    }
    for (size_t k = 0; k < centres.size(); ++k) {
        const Totals& sum = totals[k];
        if (sum.count == 0) continue;  // a centre without pixels stays where it is
        centres[k] = {rounded(sum.l, sum.count), rounded(sum.a, sum.count), rounded(sum.b, sum.count), rounded(sum.x * 64, sum.count),
                      rounded(sum.y * 64, sum.count)};
    }
}

// Working memory, kept between the calls of a thread as long as it is small: fresh pages cost a tenth of the whole.
struct Workspace {
    std::vector<int16_t> lab;
    std::vector<int32_t> distance, label;

    Planes planes(int width, int height) {
        const int stride = width + slic_detail::lanes;
        const size_t cells = static_cast<size_t>(stride) * static_cast<size_t>(height);
        lab.resize(7 * cells);
        distance.resize(cells);
        label.assign(cells, -1);
        int16_t* l = lab.data();
        return {width, height, stride, l, l + cells, l + 2 * cells, l + 3 * cells, distance.data(), label.data()};
    }
    void trim() {
        if (label.size() > (size_t{1} << 20)) *this = {};
    }
};

}  // namespace

Superpixels slic(const Image& rgb, const SlicOptions& options) {
    require(rgb.channels == 3 && rgb.width > 0 && rgb.height > 0, "slic: an RGB picture is needed, this one is ", rgb.width, " x ",
            rgb.height, " x ", rgb.channels);
    const int64_t pixels = static_cast<int64_t>(rgb.width) * rgb.height;
    require(rgb.width <= 32768 && rgb.height <= 32768 && pixels <= int64_t{1} << 28, "slic: ", rgb.width, " x ", rgb.height,
            " pixels are too many; reduce the picture");
    require(options.regions >= 1 && options.regions <= 65535, "slic: the number of regions is ", options.regions,
            ", it must lie in 1 .. 65535");
    require(options.compactness >= 0.1 && options.compactness <= 100, "slic: the compactness is ", options.compactness,
            ", it must lie in 0.1 .. 100");
    require(options.iterations >= 1 && options.iterations <= 1000, "slic: the number of iterations is ", options.iterations);

    thread_local Workspace workspace;
    const Planes planes = workspace.planes(rgb.width, rgb.height);
    slic_detail::to_lab(rgb, planes);

    const int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(0.5 + static_cast<double>(pixels) / options.regions));
    const int step = std::max(1, static_cast<int>(std::sqrt(static_cast<double>(wanted)) + 0.5));
    std::vector<Centre> centres = place_seeds(planes, step);
    std::vector<Sums> sums(slic_detail::sum_sets * (centres.size() + 1));
    std::vector<Totals> totals(centres.size());
    // (m / S)^2 in 2^-32
    const int64_t weight = std::llround(options.compactness * options.compactness * 4294967296.0 / (static_cast<double>(step) * step));
    const auto place_distance = [weight](int pixel, int32_t centre) {
        const int64_t d = int64_t{pixel} * 64 - centre;
        return static_cast<int32_t>((d * d * weight) >> 32);
    };
    std::vector<int32_t> across(static_cast<size_t>(2 * step + 2 + slic_detail::lanes)), down(across.size());
    const auto assign = PURNET_PICK(slic_assign);
    for (int round = 0; round < options.iterations; ++round) {
        std::fill(workspace.distance.begin(), workspace.distance.end(), slic_detail::far);
        for (size_t k = 0; k < centres.size(); ++k) {
            const Centre& centre = centres[k];
            const int x0 = std::max(0, (centre.x - 64 * step) / 64), x1 = std::min(rgb.width, (centre.x + 64 * step) / 64);
            const int y0 = std::max(0, (centre.y - 64 * step) / 64), y1 = std::min(rgb.height, (centre.y + 64 * step) / 64);
            for (int x = x0; x < x1; ++x) across[static_cast<size_t>(x - x0)] = place_distance(x, centre.x);
            std::fill_n(across.begin() + (x1 - x0), slic_detail::lanes, slic_detail::far);
            for (int y = y0; y < y1; ++y) down[static_cast<size_t>(y - y0)] = place_distance(y, centre.y);
            assign(planes, centre, static_cast<int>(k), x0, x1 - x0, y0, y1 - y0, across.data(), down.data());
        }
        update(planes, step, centres, sums, totals);
    }

    Superpixels result;
    result.count = slic_detail::connect(planes.label, rgb.width, rgb.height, planes.stride, wanted >> 2);
    result.labels = LabelMap(rgb.width, rgb.height, 1);
    for (int y = 0; y < rgb.height; ++y)
        std::copy_n(planes.label + static_cast<size_t>(y) * static_cast<size_t>(planes.stride), rgb.width, result.labels.row(y));
    workspace.trim();
    return result;
}

}  // namespace purnet
