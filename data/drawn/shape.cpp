#include "data/drawn/shape.h"

#include <algorithm>
#include <cmath>

namespace purnet::drawn {
namespace {
constexpr float pi = 3.14159265f;
}

Part::Part(Outline outline, float x, float y, float radius, RandomDraws& draws) : outline_(outline), x_(x), y_(y), radius_(radius) {
    const float angle = draws.uniform(0, 2 * pi);
    cos_ = std::cos(angle);
    sin_ = std::sin(angle);
    stretch_ = draws.uniform(0.55f, 1.0f);
    power_ = draws.uniform(3.0f, 8.0f);
    points_ = static_cast<int>(draws.integer(4, 7));
    for (int k = 0; k < 5; ++k) {
        wave_[k] = draws.uniform(-0.22f, 0.22f) / static_cast<float>(k / 2 + 1);
        phase_[k] = draws.uniform(0, 2 * pi);
    }
}

float Part::outside(float x, float y) const {
    const float dx = (x - x_) / radius_, dy = (y - y_) / radius_;
    const float u = cos_ * dx - sin_ * dy, v = (sin_ * dx + cos_ * dy) / stretch_;
    const float distance = std::sqrt(u * u + v * v);
    switch (outline_) {
        case Outline::ellipse: return distance - 1;
        case Outline::ring: return std::abs(distance - 0.72f) - 0.28f;
        case Outline::box: return std::pow(std::pow(std::abs(u), power_) + std::pow(std::abs(v), power_), 1 / power_) - 0.85f;
        case Outline::star: {
            const float turn = std::atan2(v, u) * static_cast<float>(points_) / (2 * pi), place = std::abs(turn - std::round(turn)) * 2;
            return distance - (1 - 0.5f * place);
        }
        case Outline::blob: {
            const float angle = std::atan2(v, u);
            float border = 0.85f;
            for (int k = 0; k < 5; ++k) border += wave_[k] * std::cos(static_cast<float>(k + 2) * angle + phase_[k]);
            return distance - std::max(border, 0.3f);
        }
    }
    return 1;
}

float Shape::outside(float x, float y) const {
    float least = 1e9f;
    for (const Part& part : parts) {
        // far from a part nothing but "outside" matters, and the dearer outlines need not be asked
        const float dx = x - part.x(), dy = y - part.y(), reach = 2.2f * part.radius();
        const float value = dx * dx + dy * dy > reach * reach ? 1.2f : part.outside(x, y);
        least = std::min(least, value);
    }
    return least;
}

}  // namespace purnet::drawn
