// Textures of drawn pictures: two colours mixed by a pattern of the place. Internal to data/drawn.
#pragma once

#include "core/random/philox.h"

namespace purnet::drawn {

struct Colour {
    float r = 0, g = 0, b = 0;
};

inline Colour mix(const Colour& a, const Colour& b, float t) {
    return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
inline Colour scaled(const Colour& c, float f) { return {c.r * f, c.g * f, c.b * f}; }

// Hue in turns; saturation and value 0 .. 1.
Colour from_hsv(float hue, float saturation, float value);

// Smooth noise on a lattice of step 1, -1 .. 1, and three octaves of it.
float noise(float x, float y, uint32_t seed);
float cloud(float x, float y, uint32_t seed);

enum class Pattern { clouds, stripes, checks, dots, rings, marble, plain };
inline constexpr int patterns = 7;

class Texture {
public:
    Texture() = default;
    // `scale`: how many features along the picture's shorter side.
    Texture(Pattern pattern, const Colour& first, const Colour& second, float scale, RandomDraws& draws);

    // x, y in units of the shorter side.
    Colour at(float x, float y) const;

private:
    Pattern pattern_ = Pattern::plain;
    Colour first_, second_;
    float scale_ = 8, cos_ = 1, sin_ = 0, bend_ = 0;
    uint32_t seed_ = 0;
};

}  // namespace purnet::drawn
