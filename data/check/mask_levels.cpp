#include "data/check/mask_levels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr int white = 128;                 // as the metrics take it
constexpr size_t dark = 26, bright = 229;  // a tenth and nine tenths
constexpr double most_between = 1.0 / 20;  // soft borders of real masks stay below
constexpr int colour_tolerance = 8;        // what JPEG does to grey

}  // namespace

std::vector<std::pair<Fault, std::string>> mask_faults(const Image& grey) {
    std::array<int64_t, 256> counts{};
    for (const uint8_t value : grey.pixels) ++counts[value];
    const auto pixels = static_cast<int64_t>(grey.pixels.size());
    const int64_t below = std::accumulate(counts.begin(), counts.begin() + white, int64_t{0});
    const int64_t between = std::accumulate(counts.begin() + dark, counts.begin() + bright + 1, int64_t{0});
    int largest = 255;
    while (largest > 0 && counts[static_cast<size_t>(largest)] == 0) --largest;

    std::vector<std::pair<Fault, std::string>> faults;
    if (largest > 0 && largest < white) {
        faults.emplace_back(Fault::dark_mask, concat("its largest value is ", largest, ", white is 255"));
        return faults;
    }
    if (below == pixels) faults.emplace_back(Fault::empty_mask, "");
    if (below == 0) faults.emplace_back(Fault::full_mask, "");
    const double share = static_cast<double>(between) / static_cast<double>(pixels);
    if (share > most_between)
        faults.emplace_back(Fault::grey_mask, concat(std::lround(100 * share), " % of its pixels are neither black nor white"));
    return faults;
}

bool has_colour(const Image& rgb) {
    for (size_t i = 0; i + 2 < rgb.pixels.size(); i += 3) {
        const auto [least, most] = std::minmax({rgb.pixels[i], rgb.pixels[i + 1], rgb.pixels[i + 2]});
        if (most - least > colour_tolerance) return true;
    }
    return false;
}

}  // namespace purnet
