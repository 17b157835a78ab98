#include "data/matting/threshold.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "kernels/runtime/error.h"

namespace purnet::matting {
namespace {

int byte_of(float p) { return p > 0 ? static_cast<int>(std::lround(std::min(p, 1.0f) * 255)) : 0; }

double otsu(const std::vector<float>& map) {
    std::array<int64_t, 256> counts{};
    for (const float p : map) ++counts[static_cast<size_t>(byte_of(p))];
    double all = static_cast<double>(map.size()), sum = 0;
    for (size_t i = 0; i < 256; ++i) sum += static_cast<double>(i) * static_cast<double>(counts[i]);
    double below = 0, below_sum = 0, best = 0, level = 0.5;
    for (size_t t = 0; t < 255; ++t) {
        below += static_cast<double>(counts[t]);
        below_sum += static_cast<double>(t) * static_cast<double>(counts[t]);
        if (below == 0 || below == all) continue;
        const double distance = below_sum / below - (sum - below_sum) / (all - below);
        const double between = below * (all - below) * distance * distance;
        if (between > best) {
            best = between;
            level = (static_cast<double>(t) + 0.5) / 255;
        }
    }
    return level;
}

}  // namespace

Threshold threshold_named(const std::string& text) {
    if (text == "none") return {};
    if (text == "otsu") return {Threshold::Kind::otsu};
    if (text == "adaptive") return {Threshold::Kind::adaptive};
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 1, "'", text,
            "' is no threshold: use none, otsu, adaptive or a number from 0 to 1");
    return {Threshold::Kind::fixed, value};
}

double level_of(const Threshold& threshold, const std::vector<float>& map) {
    switch (threshold.kind) {
        case Threshold::Kind::fixed: return threshold.value;
        case Threshold::Kind::otsu: return otsu(map);
        case Threshold::Kind::adaptive: {
            double sum = 0;
            for (const float p : map) sum += p;
            return sum > 0 ? std::min(1.0, 2 * sum / static_cast<double>(map.size())) : 1;
        }
        case Threshold::Kind::none: break;
    }
    fail("a map without a threshold has no level");
}

void apply_threshold(const Threshold& threshold, std::vector<float>& map) {
    if (threshold.kind == Threshold::Kind::none) return;
    const double level = level_of(threshold, map);
    for (float& p : map) p = p >= level ? 1.0f : 0.0f;
}

}  // namespace purnet::matting
