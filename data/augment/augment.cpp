#include "data/augment/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "data/augment/affine.h"
#include "kernels/augment/augment.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

void check_range(const char* name, double value, double most) {
    require(value >= 0 && value <= most, "augmentation: ", name, " is ", value, ", it must lie between 0 and ", most);
}

uint8_t to_byte(double value) { return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0) + 0.5); }

}  // namespace

void check_options(const AugmentOptions& options) {
    check_range("rotate", options.rotate, 180);
    check_range("crop", options.crop, 0.9);
    check_range("brightness", options.brightness, 1);
    check_range("contrast", options.contrast, 1);
    check_range("saturation", options.saturation, 1);
}

Augmentation draw_augmentation(const AugmentOptions& options, RandomDraws& draws) {
    std::array<double, 9> u;
    for (double& value : u) value = draws.uniform();
    Augmentation result;
    result.flip = options.flip && u[0] < 0.5;
    result.degrees = options.rotate * (2 * u[1] - 1);
    result.width = 1 - options.crop * u[2];
    result.height = 1 - options.crop * u[3];
    result.left = (1 - result.width) * u[4];
    result.top = (1 - result.height) * u[5];
    result.brightness = 1 + options.brightness * (2 * u[6] - 1);
    result.contrast = 1 + options.contrast * (2 * u[7] - 1);
    result.saturation = 1 + options.saturation * (2 * u[8] - 1);
    return result;
}

ColourCounts count_colours(const Image& rgb) {
    ColourCounts counts{};
    for (size_t i = 0; i < rgb.pixels.size(); ++i) ++counts[i % 3][rgb.pixels[i]];
    return counts;
}

void write_change(const Augmentation& augmentation, int width, int height, const ColourCounts& colours, uint8_t* to) {
    std::memset(to, 0, augment::change_bytes(height));
    augment::Change change{};
    change.flip = augmentation.flip;
    const double brightness = augmentation.brightness, contrast = augmentation.contrast, saturation = augmentation.saturation;
    change.recolours = brightness != 1 || contrast != 1 || saturation != 1;
    if (change.recolours) {
        constexpr double weight[3] = {0.299, 0.587, 0.114};
        const double samples = 3.0 * width * height;
        double mean = 0;
        for (size_t c = 0; c < 3; ++c)
            for (size_t v = 0; v < 256; ++v)
                mean += weight[c] * static_cast<double>(colours[c][v]) * to_byte(static_cast<double>(v) * brightness) * 3 / samples;
        for (size_t v = 0; v < 256; ++v) change.level[v] = to_byte(mean + (to_byte(static_cast<double>(v) * brightness) - mean) * contrast);
        change.saturation = static_cast<int32_t>(std::lround(saturation * 1024));
    }
    std::memcpy(to, &change, sizeof change);
    const bool cropped = augmentation.width != 1 || augmentation.height != 1;
    if (augmentation.degrees == 0 && !cropped) return;
    AffineMap map = rotation_about_centre(width, height, augmentation.degrees);
    if (cropped)
        map = compose(window(width, height, augmentation.left * width, augmentation.top * height, augmentation.width * width,
                             augmentation.height * height),
                      map);
    write_map(map, height, to);
}

}  // namespace purnet
