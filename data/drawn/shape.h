// Shapes of drawn pictures, as functions that are negative inside. Internal to data/drawn.
#pragma once

#include <vector>

#include "core/random/philox.h"

namespace purnet::drawn {

enum class Outline { blob, ellipse, star, box, ring };
inline constexpr int outlines = 5;

// One outline around a centre; lengths in units of the picture's shorter side.
class Part {
public:
    Part(Outline outline, float x, float y, float radius, RandomDraws& draws);

    // About the distance from the border in units of the radius; negative inside.
    float outside(float x, float y) const;

    float x() const { return x_; }
    float y() const { return y_; }
    float radius() const { return radius_; }

private:
    Outline outline_;
    float x_, y_, radius_, cos_, sin_, stretch_, power_;
    float wave_[5] = {}, phase_[5] = {};
    int points_ = 5;
};

// A union of parts.
struct Shape {
    std::vector<Part> parts;

    float outside(float x, float y) const;
};

}  // namespace purnet::drawn
