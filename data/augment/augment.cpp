#include "data/augment/augment.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/augment/warp.h"
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

void change_colours(Image& rgb, double brightness, double contrast, double saturation) {
    if (brightness == 1 && contrast == 1 && saturation == 1) return;
    constexpr double weight[3] = {0.299, 0.587, 0.114};
    std::array<std::array<int64_t, 256>, 3> histogram{};
    for (size_t i = 0; i < rgb.pixels.size(); ++i) ++histogram[i % 3][rgb.pixels[i]];
    double mean = 0;
    for (size_t c = 0; c < 3; ++c)
        for (size_t v = 0; v < 256; ++v)
            mean += weight[c] * static_cast<double>(histogram[c][v]) * to_byte(static_cast<double>(v) * brightness) * 3 /
                    static_cast<double>(rgb.pixels.size());
    std::array<uint8_t, 256> table;
    for (size_t v = 0; v < 256; ++v) table[v] = to_byte(mean + (to_byte(static_cast<double>(v) * brightness) - mean) * contrast);
    const int factor = static_cast<int>(std::lround(saturation * 1024));
    for (size_t i = 0; i + 2 < rgb.pixels.size(); i += 3) {
        uint8_t* p = rgb.pixels.data() + i;
        const int r = table[p[0]], g = table[p[1]], b = table[p[2]];
        const int grey = (9798 * r + 19235 * g + 3735 * b + 16384) >> 15;
        p[0] = static_cast<uint8_t>(std::clamp(grey + (((r - grey) * factor + 512) >> 10), 0, 255));
        p[1] = static_cast<uint8_t>(std::clamp(grey + (((g - grey) * factor + 512) >> 10), 0, 255));
        p[2] = static_cast<uint8_t>(std::clamp(grey + (((b - grey) * factor + 512) >> 10), 0, 255));
    }
}

void apply(Sample& sample, const Augmentation& augmentation) {
    const int w = sample.rgb.width, h = sample.rgb.height;
    require(sample.mask.width == w && sample.mask.height == h &&
                (sample.labels.empty() || (sample.labels.width == w && sample.labels.height == h)),
            "augmentation: picture, mask and labels differ in size");
    change_colours(sample.rgb, augmentation.brightness, augmentation.contrast, augmentation.saturation);
    if (augmentation.flip) {
        flip(sample.rgb);
        flip(sample.mask);
        if (!sample.labels.empty()) flip(sample.labels);
    }
    const bool cropped = augmentation.width != 1 || augmentation.height != 1;
    if (augmentation.degrees == 0 && !cropped) return;
    AffineMap map = rotation_about_centre(w, h, augmentation.degrees);
    if (cropped)
        map = compose(window(w, h, augmentation.left * w, augmentation.top * h, augmentation.width * w, augmentation.height * h), map);
    sample.rgb = warp_bilinear(sample.rgb, map);
    sample.mask = warp_nearest(sample.mask, map);
    if (!sample.labels.empty()) sample.labels = warp_nearest(sample.labels, map);
}

}  // namespace purnet
