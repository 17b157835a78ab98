#include "data/drawn/texture.h"

#include <algorithm>
#include <cmath>

namespace purnet::drawn {
namespace {

constexpr float pi = 3.14159265f;

float lattice(int x, int y, uint32_t seed) {
    uint32_t h = static_cast<uint32_t>(x) * 0x8da6b343u ^ static_cast<uint32_t>(y) * 0xd8163841u ^ seed * 0xcb1ab31fu;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return static_cast<float>((h ^ (h >> 15)) >> 8) * 0x1p-23f - 1;
}

float smooth(float t) { return t * t * (3 - 2 * t); }

}  // namespace

Colour from_hsv(float hue, float saturation, float value) {
    const auto channel = [&](float shift) {
        const float turn = hue + shift, place = 6 * (turn - std::floor(turn));
        return value * (1 - saturation * std::clamp(std::min(place, 4 - place), 0.0f, 1.0f));
    };
    return {channel(5.0f / 6), channel(3.0f / 6), channel(1.0f / 6)};
}

float noise(float x, float y, uint32_t seed) {
    const float fx = std::floor(x), fy = std::floor(y);
    const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
    const float tx = smooth(x - fx), ty = smooth(y - fy);
    const float a = lattice(ix, iy, seed), c = lattice(ix, iy + 1, seed);
    const float upper = a + (lattice(ix + 1, iy, seed) - a) * tx, lower = c + (lattice(ix + 1, iy + 1, seed) - c) * tx;
    return upper + (lower - upper) * ty;
}

float cloud(float x, float y, uint32_t seed) {
    return (noise(x, y, seed) + 0.5f * noise(2 * x, 2 * y, seed + 1) + 0.25f * noise(4 * x, 4 * y, seed + 2)) / 1.75f;
}

Texture::Texture(Pattern pattern, const Colour& first, const Colour& second, float scale, RandomDraws& draws)
    : pattern_(pattern), first_(first), second_(second), scale_(scale) {
    const float angle = draws.uniform(0, 2 * pi);
    cos_ = std::cos(angle);
    sin_ = std::sin(angle);
    bend_ = draws.uniform(0, 0.6f);
    seed_ = draws.word();
}

Colour Texture::at(float x, float y) const {
    const float u = scale_ * (cos_ * x - sin_ * y), v = scale_ * (sin_ * x + cos_ * y);
    const bool bends = pattern_ != Pattern::clouds && pattern_ != Pattern::marble && pattern_ != Pattern::plain;
    const float bend = bends ? bend_ * cloud(0.5f * u, 0.5f * v, seed_ + 7) : 0;
    float t = 0;
    switch (pattern_) {
        case Pattern::clouds: t = 0.5f + 0.5f * cloud(u, v, seed_); break;
        case Pattern::stripes: t = 0.5f + 0.5f * std::clamp(3 * std::sin(pi * (u + 2 * bend)), -1.0f, 1.0f); break;
        case Pattern::checks: t = 0.5f + 0.5f * std::clamp(4 * std::sin(pi * (u + bend)) * std::sin(pi * (v + bend)), -1.0f, 1.0f); break;
        case Pattern::dots: {
            const float du = u + bend - std::round(u + bend), dv = v + bend - std::round(v + bend);
            t = std::clamp(6 * (0.3f - std::sqrt(du * du + dv * dv)) + 0.5f, 0.0f, 1.0f);
            break;
        }
        case Pattern::rings: t = 0.5f + 0.5f * std::sin(2 * pi * (std::sqrt(u * u + 2 * v * v) * 0.5f + bend)); break;
        case Pattern::marble: t = 0.5f + 0.5f * std::sin(pi * (0.5f * u + 4 * cloud(0.4f * u, 0.4f * v, seed_))); break;
        case Pattern::plain: t = 0.5f + 0.15f * cloud(0.3f * u, 0.3f * v, seed_); break;
    }
    return mix(first_, second_, t);
}

}  // namespace purnet::drawn
