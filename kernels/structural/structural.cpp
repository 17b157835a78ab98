#include "kernels/structural/structural.h"

#include <algorithm>

#include "kernels/runtime/parallel.h"
#include "kernels/structural/structural_grid.h"
#include "kernels/structural/structural_simd.h"

namespace purnet::structural {
namespace {

constexpr int64_t arrays = 6;

int64_t region_count(const int32_t* labels, int64_t pixels, int64_t image) {
    int32_t low = labels[0], high = labels[0];
    for (int64_t i = 0; i < pixels; ++i) {
        low = std::min(low, labels[i]);
        high = std::max(high, labels[i]);
    }
    require(low >= 0 && high < most_regions, "structural loss: image ", image, " of the batch has label ", low < 0 ? low : high,
            "; labels must be 0 to ", most_regions - 1);
    return high + 1;
}

void forward(const Problem& p, const void* z, const void* g, const int32_t* labels, void* loss, void* dz, void* workspace, const Context&) {
    auto* values = static_cast<double*>(workspace);  // a value for each image, then the arrays of each image
    const auto sums_of = PURNET_PICK(region_sums);
    const auto pairs_of = PURNET_PICK(pairs);
    const auto gradient_of = PURNET_PICK(pixel_gradient);
    parallel_for(p.images, 1, [&](int64_t first, int64_t last) {
        for (int64_t n = first; n < last; ++n) {
            const int64_t at = n * p.pixels;
            double* base = values + p.images + n * arrays * most_regions;
            const auto array = [&](int64_t k) { return base + k * most_regions; };
            const Regions r{region_count(labels + at, p.pixels, n), array(0), array(1), array(2), array(3), array(4), array(5)};
            sums_of(p.second_sigmoid, static_cast<const float*>(z) + at, static_cast<const float*>(g) + at, labels + at, p.pixels, r);
            for (int64_t k = 0; k < r.count; ++k) {
                const bool empty = r.pixels[k] == 0;
                const double pixels = empty ? 1 : r.pixels[k];
                r.p[k] /= pixels;
                r.g[k] /= pixels;
                r.q[k] = empty ? 1 : r.q[k] / pixels;
                r.h[k] = empty ? 1 : r.h[k] / pixels;
            }
            const double squared = static_cast<double>(r.count) * static_cast<double>(r.count);
            values[n] = pairs_of(r) / squared;
            if (!dz) continue;
            for (int64_t k = 0; k < r.count; ++k)
                r.gradient[k] = r.pixels[k] == 0 ? 0 : r.gradient[k] / (squared * r.pixels[k] * static_cast<double>(p.images));
            gradient_of(p.second_sigmoid, static_cast<const float*>(z) + at, labels + at, r.gradient, p.pixels,
                        static_cast<float*>(dz) + at);
        }
    });
    double sum = 0;
    for (int64_t n = 0; n < p.images; ++n) sum += values[n];
    *static_cast<float*>(loss) = static_cast<float>(sum / static_cast<double>(p.images));
}

}  // namespace

size_t workspace_bytes(const Problem& p) {
    return static_cast<size_t>(p.images * std::max(1 + arrays * most_regions, grid_doubles)) * sizeof(double);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("structural", {{{DeviceType::cpu, DType::f32}, {.forward = forward}}});
    return kernels;
}

}  // namespace purnet::structural
