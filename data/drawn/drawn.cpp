#include "data/drawn/drawn.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/formats/atomic_file.h"
#include "data/drawn/shape.h"
#include "data/drawn/texture.h"
#include "data/image/encode.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

using namespace drawn;

constexpr float pi = 3.14159265f;

struct Object {
    Shape shape;
    Texture texture;
    float shadow = 0;  // strength
};

struct Distractor {
    Part part;
    Texture texture;
    float opacity;
};

struct Scene {
    Texture ground, second_ground;
    bool divided = false;
    float divide_x = 0, divide_y = 0, divide_at = 0;  // normal and place of the line between two grounds
    std::vector<Distractor> distractors;
    std::vector<Object> objects;
    float light_x = 0, light_y = 0, light = 0, rim = 0, grain = 0;
};

Texture random_texture(RandomDraws& draws, float hue, float saturation, float value, float least_scale, float most_scale) {
    const auto pattern = static_cast<Pattern>(draws.below(patterns));
    const Colour first = from_hsv(hue + draws.uniform(-0.04f, 0.04f), std::clamp(saturation + draws.uniform(-0.1f, 0.1f), 0.0f, 1.0f),
                                  std::clamp(value + draws.uniform(-0.18f, 0.0f), 0.05f, 1.0f));
    const Colour second = from_hsv(hue + draws.uniform(-0.04f, 0.04f), std::clamp(saturation + draws.uniform(-0.1f, 0.1f), 0.0f, 1.0f),
                                   std::clamp(value + draws.uniform(0.0f, 0.18f), 0.05f, 1.0f));
    return Texture(pattern, first, second, draws.uniform(least_scale, most_scale), draws);
}

Shape random_shape(RandomDraws& draws, float x, float y, float radius) {
    Shape shape;
    shape.parts.emplace_back(static_cast<Outline>(draws.below(outlines)), x, y, radius, draws);
    if (draws.chance(0.3f)) {  // a figure of two parts: a body and something on it
        const float angle = draws.uniform(0, 2 * pi), smaller = radius * draws.uniform(0.4f, 0.65f);
        shape.parts.emplace_back(Outline::ellipse, x + 0.9f * radius * std::cos(angle), y + 0.9f * radius * std::sin(angle), smaller,
                                 draws);
    }
    return shape;
}

// Units: the shorter side is 1; the picture spans wide x high.
Scene make_scene(RandomDraws& draws, float wide, float high) {
    Scene scene;
    const float hue = draws.uniform(), saturation = draws.uniform(0.1f, 0.6f), value = draws.uniform(0.3f, 0.85f);
    scene.ground = random_texture(draws, hue, saturation, value, 3, 14);
    scene.divided = draws.chance(0.4f);
    const float line = draws.uniform(-0.4f, 0.4f) + (draws.chance(0.7f) ? pi / 2 : 0.0f);
    scene.divide_x = std::cos(line);
    scene.divide_y = std::sin(line);
    scene.divide_at = scene.divide_x * wide / 2 + scene.divide_y * high / 2 + draws.uniform(-0.25f, 0.25f);
    scene.second_ground = random_texture(draws, hue + draws.uniform(-0.1f, 0.1f), saturation,
                                         std::clamp(value + draws.uniform(-0.2f, 0.2f), 0.2f, 0.95f), 3, 14);

    const int64_t distractors = draws.integer(2, 9);
    for (int64_t i = 0; i < distractors; ++i) {
        Part part(static_cast<Outline>(draws.below(outlines)), draws.uniform(0, wide), draws.uniform(0, high), draws.uniform(0.02f, 0.07f),
                  draws);
        Texture texture = random_texture(draws, hue + draws.uniform(-0.08f, 0.08f), saturation,
                                         std::clamp(value + draws.uniform(-0.25f, 0.25f), 0.1f, 1.0f), 10, 25);
        scene.distractors.push_back({part, texture, draws.uniform(0.35f, 0.9f)});
    }

    const int64_t objects = draws.chance(0.25f) ? 2 : 1;
    const float object_hue = hue + draws.uniform(0.25f, 0.75f);
    for (int64_t i = 0; i < objects; ++i) {
        const float radius = draws.uniform(0.14f, 0.32f) * (objects == 2 ? 0.75f : 1.0f);
        // nearer to the middle than not; one in ten anywhere, cut by the frame perhaps
        const bool anywhere = draws.chance(0.1f);
        const float ax = draws.uniform(), bx = draws.uniform(), ay = draws.uniform(), by = draws.uniform();
        const float x = wide * (anywhere ? ax : 0.15f + 0.35f * (ax + bx)), y = high * (anywhere ? ay : 0.15f + 0.35f * (ay + by));
        Object object{random_shape(draws, x, y, radius), {}, draws.uniform(0, 0.45f)};
        const float object_value = value > 0.55f && draws.chance(0.4f) ? draws.uniform(0.15f, 0.4f) : draws.uniform(0.5f, 0.95f);
        object.texture = random_texture(draws, object_hue, draws.uniform(0.45f, 0.95f), object_value, 4, 18);
        scene.objects.push_back(std::move(object));
    }
    const float light = draws.uniform(0, 2 * pi);
    scene.light_x = std::cos(light);
    scene.light_y = std::sin(light);
    scene.light = draws.uniform(0.05f, 0.35f);
    scene.rim = draws.uniform(0, 0.5f);
    scene.grain = draws.uniform(1, 9);
    return scene;
}

Colour ground_at(const Scene& scene, float x, float y) {
    const bool beyond = scene.divided && scene.divide_x * x + scene.divide_y * y > scene.divide_at;
    Colour colour = (beyond ? scene.second_ground : scene.ground).at(x, y);
    for (const Distractor& distractor : scene.distractors) {
        const float dx = x - distractor.part.x(), dy = y - distractor.part.y(), reach = 2.2f * distractor.part.radius();
        if (dx * dx + dy * dy > reach * reach) continue;
        const float cover = std::clamp(0.5f - 8 * distractor.part.outside(x, y), 0.0f, 1.0f) * distractor.opacity;
        if (cover > 0) colour = mix(colour, distractor.texture.at(x, y), cover);
    }
    for (const Object& object : scene.objects) {
        const float outside = object.shape.outside(x - 0.05f * scene.light_x, y - 0.05f * scene.light_y);
        colour = scaled(colour, 1 - object.shadow * std::clamp(0.6f - 1.5f * outside, 0.0f, 1.0f));
    }
    return colour;
}

// Rounder-looking towards the light.
float shade(const Scene& scene, const Shape& shape, float x, float y) {
    const Part& part = shape.parts.front();
    const float towards = ((x - part.x()) * scene.light_x + (y - part.y()) * scene.light_y) / part.radius();
    return 1 - 0.9f * scene.light * std::clamp(towards, -1.2f, 1.2f);
}

uint8_t to_byte(float value) { return static_cast<uint8_t>(std::clamp(value * 255.0f + 0.5f, 0.0f, 255.0f)); }

}  // namespace

DrawnPicture draw_picture(uint64_t seed, uint64_t index, int width, int height) {
    require(width >= 8 && height >= 8 && width <= 4096 && height <= 4096, "a drawn picture has sides of 8 to 4096 pixels, not ", width,
            " x ", height);
    const RandomStream stream(seed, "drawn");
    RandomDraws draws(stream, index, 0);
    const float unit = 1.0f / static_cast<float>(std::min(width, height)), wide = static_cast<float>(width) * unit,
                high = static_cast<float>(height) * unit;
    const Scene scene = make_scene(draws, wide, high);
    const RandomStream grain(seed, "drawn grain");
    constexpr std::array<float, 2> quarter{-0.25f, 0.25f};

    DrawnPicture picture{Image(width, height, 3), Image(width, height, 1)};
    for (int py = 0; py < height; ++py)
        for (int px = 0; px < width; ++px) {
            const float x = (static_cast<float>(px) + 0.5f) * unit, y = (static_cast<float>(py) + 0.5f) * unit;
            Colour colour = ground_at(scene, x, y);
            std::array<bool, 4> covered{};
            for (const Object& object : scene.objects) {
                if (object.shape.outside(x, y) > 0.5f) continue;  // no border within a pixel
                int inside = 0, sample = 0;
                for (const float sy : quarter)
                    for (const float sx : quarter) {
                        const bool in = object.shape.outside(x + sx * unit, y + sy * unit) < 0;
                        covered[static_cast<size_t>(sample)] = covered[static_cast<size_t>(sample)] || in;
                        inside += in;
                        ++sample;
                    }
                if (inside)
                    colour = mix(colour, scaled(object.texture.at(x, y), shade(scene, object.shape, x, y)), static_cast<float>(inside) / 4);
            }
            *picture.mask.at(px, py) = std::count(covered.begin(), covered.end(), true) >= 2 ? 255 : 0;

            const float dx = x / wide - 0.5f, dy = y / high - 0.5f;
            const float light = (1 - scene.light * (scene.light_x * dx + scene.light_y * dy)) * (1 - scene.rim * (dx * dx + dy * dy));
            const PhiloxBlock words =
                grain.block(index, static_cast<uint64_t>(py) * static_cast<uint64_t>(width) + static_cast<uint64_t>(px));
            // the sum of two uniform numbers stands in for a normal one
            const auto shaken = [&](float value, uint32_t word) {
                const float swing = static_cast<float>(word & 0xffff) / 65536 + static_cast<float>(word >> 16) / 65536 - 1;
                return to_byte(value * light + swing * scene.grain / 127);
            };
            uint8_t* to = picture.rgb.at(px, py);
            to[0] = shaken(colour.r, words[0]);
            to[1] = shaken(colour.g, words[1]);
            to[2] = shaken(colour.b, words[2]);
        }
    return picture;
}

void write_drawn(const std::filesystem::path& folder, uint64_t seed, uint64_t first, int count, int width, int height) {
    for (const char* part : {"images", "masks"}) {
        std::error_code error;
        std::filesystem::create_directories(folder / part, error);
        require(!error, (folder / part).string(), ": can't be made: ", error.message());
    }
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const uint64_t index = first + static_cast<uint64_t>(i);
            const DrawnPicture picture = draw_picture(seed, index, width, height);
            char name[32];
            std::snprintf(name, sizeof name, "%05llu", static_cast<unsigned long long>(index));
            atomic_write(folder / "images" / (std::string(name) + ".jpg"), encode_jpeg(picture.rgb, 92));
            atomic_write(folder / "masks" / (std::string(name) + ".png"), encode_png(picture.mask, 6));
        }
    });
}

}  // namespace purnet
