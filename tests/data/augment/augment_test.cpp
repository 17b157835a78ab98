#include "data/augment/augment.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "data/augment/affine.h"
#include "kernels/augment/augment.h"
#include "kernels/runtime/error.h"
#include "tests/support/pictures.h"

namespace purnet {
namespace {

LabelMap numbered(int w, int h) {
    LabelMap labels(w, h, 1);
    for (size_t i = 0; i < labels.pixels.size(); ++i) labels.pixels[i] = static_cast<int32_t>(i) + 1;
    return labels;
}

struct Sample {
    Image rgb, mask;
    LabelMap labels;
};

Sample sample_of(int w, int h) { return {test::pattern(w, h, 3), test::pattern(w, h, 1), numbered(w, h)}; }

// The CPU twin on one picture.
Sample changed(const Sample& sample, const std::vector<uint8_t>& change) {
    const int w = sample.rgb.width, h = sample.rgb.height;
    Sample result{Image(w, h, 3, 77), Image(w, h, 1, 77), LabelMap(w, h, 1, 77)};
    const std::vector<uint16_t> labels(sample.labels.pixels.begin(), sample.labels.pixels.end());
    augment::table().get(&augment::Kernels::forward, "forward", {DeviceType::cpu, DType::f32})(
        {1, h, w, h, w}, sample.rgb.pixels.data(), sample.mask.pixels.data(), labels.data(), change.data(), result.rgb.pixels.data(),
        result.mask.pixels.data(), result.labels.pixels.data(), Context{});
    return result;
}

Sample augmented(const Sample& sample, const Augmentation& augmentation) {
    const int w = sample.rgb.width, h = sample.rgb.height;
    std::vector<uint8_t> change(augment::change_bytes(h), 0xFF);
    write_change(augmentation, w, h, count_colours(sample.rgb), change.data());
    return changed(sample, change);
}

Sample warped(const Image& image, const AffineMap& map) {
    std::vector<uint8_t> change(augment::change_bytes(image.height));
    write_map(map, image.height, change.data());
    return changed({image, test::pattern(image.width, image.height, 1), numbered(image.width, image.height)}, change);
}

Image recoloured(const Image& image, double brightness, double contrast, double saturation) {
    Augmentation colours;
    colours.brightness = brightness, colours.contrast = contrast, colours.saturation = saturation;
    return augmented({image, Image(image.width, image.height, 1), numbered(image.width, image.height)}, colours).rgb;
}

}  // namespace

TEST_CASE("augment: flipping mirrors picture, mask and labels; twice is nothing") {
    for (const auto& [w, h] : {std::pair{7, 5}, {8, 3}, {1, 1}}) {
        const Sample before = sample_of(w, h);
        Augmentation flip;
        flip.flip = true;
        Sample sample = augmented(before, flip);
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x) {
                const int mirrored = w - 1 - x;
                CHECK(std::equal(sample.rgb.at(x, y), sample.rgb.at(x, y) + 3, before.rgb.at(mirrored, y)));
                CHECK(*sample.mask.at(x, y) == *before.mask.at(mirrored, y));
                CHECK(*sample.labels.at(x, y) == *before.labels.at(mirrored, y));
            }
        sample = augmented(sample, flip);
        CHECK(sample.rgb == before.rgb);
        CHECK(sample.mask == before.mask);
        CHECK(sample.labels == before.labels);
    }
}

TEST_CASE("augment: a quarter turn anticlockwise moves every pixel where it belongs") {
    const Image image = test::pattern(9, 9, 3), mask = test::pattern(9, 9, 1);
    const Sample turned = warped(image, rotation_about_centre(9, 9, 90));
    // anticlockwise: the right column becomes the top row
    for (int y = 0; y < 9; ++y)
        for (int x = 0; x < 9; ++x) {
            CHECK(std::equal(turned.rgb.at(x, y), turned.rgb.at(x, y) + 3, image.at(8 - y, x)));
            CHECK(*turned.mask.at(x, y) == *mask.at(8 - y, x));
            CHECK(*turned.labels.at(x, y) == x * 9 + 8 - y + 1);
        }
}

TEST_CASE("augment: rotation against the formula, zero outside") {
    const int w = 40, h = 30;
    const Image image = test::pattern(w, h, 3);
    const LabelMap labels = numbered(w, h);
    for (const double degrees : {-10.0, 3.3, 10.0, 45.0}) {
        const AffineMap map = rotation_about_centre(w, h, degrees);
        const Sample turned = warped(image, map);
        const Image& smooth = turned.rgb;
        const LabelMap& hard = turned.labels;
        const double angle = degrees * 3.14159265358979323846 / 180, mx = (w - 1) / 2.0, my = (h - 1) / 2.0;
        int outside = 0;
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x) {
                const double sx = mx + std::cos(angle) * (x - mx) - std::sin(angle) * (y - my),
                             sy = my + std::sin(angle) * (x - mx) + std::cos(angle) * (y - my);
                const double edge = std::min({std::abs(sx + 0.5), std::abs(sx - w + 0.5), std::abs(sy + 0.5), std::abs(sy - h + 0.5)});
                if (edge < 1e-4) continue;
                if (sx < -0.5 || sy < -0.5 || sx > w - 0.5 || sy > h - 0.5) {
                    ++outside;
                    CHECK(*hard.at(x, y) == 0);
                    CHECK(smooth.at(x, y)[1] == 0);
                    continue;
                }
                const double fx = std::abs(sx - std::round(sx)), fy = std::abs(sy - std::round(sy));
                if (fx < 0.4999 && fy < 0.4999)
                    REQUIRE(*hard.at(x, y) == *labels.at(static_cast<int>(std::lround(sx)), static_cast<int>(std::lround(sy))));
                const int x0 = static_cast<int>(std::floor(sx)), y0 = static_cast<int>(std::floor(sy));
                const auto at = [&](int px, int py) {
                    return static_cast<double>(image.at(std::clamp(px, 0, w - 1), std::clamp(py, 0, h - 1))[1]);
                };
                const double wanted = (at(x0, y0) * (x0 + 1 - sx) + at(x0 + 1, y0) * (sx - x0)) * (y0 + 1 - sy) +
                                      (at(x0, y0 + 1) * (x0 + 1 - sx) + at(x0 + 1, y0 + 1) * (sx - x0)) * (sy - y0);
                // weights of eight bits: up to 255 / 256 along each axis
                REQUIRE(std::abs(smooth.at(x, y)[1] - wanted) < 2.51);
            }
        CHECK(outside > 0);
    }
    CHECK(warped(image, rotation_about_centre(w, h, 0)).rgb == image);
    CHECK(warped(image, rotation_about_centre(w, h, 360)).labels == labels);
}

TEST_CASE("augment: a window is shown at the whole size") {
    const Image image = test::pattern(20, 10, 3);
    CHECK(warped(image, window(20, 10, 0, 0, 20, 10)).rgb == image);
    const LabelMap labels = numbered(20, 10), quarter = warped(image, window(20, 10, 10, 5, 10, 5)).labels;
    for (int y = 0; y < 10; ++y)
        for (int x = 0; x < 20; ++x) CHECK(*quarter.at(x, y) == *labels.at(10 + x / 2, 5 + y / 2));
    // first the rotation, then the window on its result
    const AffineMap turn = rotation_about_centre(20, 10, 180), look = window(20, 10, 0, 0, 10, 5);
    const LabelMap both = warped(image, compose(look, turn)).labels;
    for (int y = 0; y < 10; ++y)
        for (int x = 0; x < 20; ++x) CHECK(*both.at(x, y) == *labels.at(19 - x / 2, 9 - y / 2));
}

TEST_CASE("augment: colours") {
    const Image before = test::pattern(13, 7, 3);
    CHECK(recoloured(before, 1, 1, 1) == before);
    Image image = recoloured(before, 0.5, 1, 1);
    for (size_t i = 0; i < image.pixels.size(); ++i) REQUIRE(std::abs(image.pixels[i] - before.pixels[i] * 0.5) <= 0.5);
    image = recoloured(before, 1, 1, 0);
    for (size_t i = 0; i < image.pixels.size(); i += 3)
        REQUIRE((image.pixels[i] == image.pixels[i + 1] && image.pixels[i] == image.pixels[i + 2]));
    image = recoloured(before, 1, 0, 1);
    for (const uint8_t v : image.pixels) REQUIRE(std::abs(v - image.pixels[0]) <= 1);
    double mean = 0;
    for (size_t i = 0; i < before.pixels.size(); i += 3)
        mean += 0.299 * before.pixels[i] + 0.587 * before.pixels[i + 1] + 0.114 * before.pixels[i + 2];
    CHECK(std::abs(image.pixels[0] - mean / static_cast<double>(before.pixels.size() / 3)) <= 1);
    CHECK(recoloured(Image(2, 2, 3, 200), 2, 1.5, 1.5) == Image(2, 2, 3, 255));
}

TEST_CASE("augment: draws keep to their ranges and leave each other alone") {
    const RandomStream stream(3, "augment");
    AugmentOptions all{true, 10, 0.3, 0.2, 0.1, 0.4};
    AugmentOptions flip_only;
    int flips = 0;
    double least = 0, most = 0;
    for (uint64_t i = 0; i < 2000; ++i) {
        RandomDraws draws(stream, 0, i), same(stream, 0, i);
        const Augmentation a = draw_augmentation(all, draws), b = draw_augmentation(flip_only, same);
        CHECK(a.flip == b.flip);
        CHECK(draws.word() == same.word());
        CHECK((b.degrees == 0 && b.width == 1 && b.left == 0 && b.brightness == 1));
        flips += a.flip;
        least = std::min(least, a.degrees), most = std::max(most, a.degrees);
        CHECK((a.width >= 0.7 && a.width <= 1 && a.left >= 0 && a.left + a.width <= 1.0000001));
        CHECK((a.brightness >= 0.8 && a.brightness <= 1.2 && a.saturation >= 0.6 && a.saturation <= 1.4));
    }
    CHECK(std::abs(flips - 1000) < 120);
    CHECK((least < -9.8 && least >= -10 && most > 9.8 && most <= 10));
    const Sample before = sample_of(31, 17);
    RandomDraws draws(stream, 1, 1), same(stream, 1, 1);
    const Sample sample = augmented(before, draw_augmentation(all, draws)), again = augmented(before, draw_augmentation(all, same));
    CHECK(sample.rgb == again.rgb);
    CHECK(sample.labels == again.labels);
    CHECK(sample.rgb.pixels != before.rgb.pixels);
}

namespace {

// One pass over the picture after the other, as earlier versions did it: what a run begun by one of them goes on with.
namespace step_by_step {

uint8_t to_byte(double value) { return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0) + 0.5); }

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

template <class T>
void mirror(BasicImage<T>& image) {
    for (int y = 0; y < image.height; ++y)
        for (int left = 0, right = image.width - 1; left < right; ++left, --right)
            std::swap_ranges(image.at(left, y), image.at(left, y) + image.channels, image.at(right, y));
}

constexpr int bits = 20;
constexpr int64_t one = int64_t{1} << bits, half = one / 2;

int64_t fixed(double value) { return std::llround(value * one); }

// Calls inside(output index, source x, source y) for every output pixel that has a source; places are shifted by half a pixel.
template <class T, class Inside>
void for_sources(const BasicImage<T>& image, const AffineMap& map, Inside&& inside) {
    const int64_t dx = fixed(map.xx), dy = fixed(map.yx), right = image.width * one, bottom = image.height * one;
    size_t index = 0;
    for (int y = 0; y < image.height; ++y) {
        int64_t sx = fixed(map.xy * y + map.x0) + half, sy = fixed(map.yy * y + map.y0) + half;
        for (int x = 0; x < image.width; ++x, ++index, sx += dx, sy += dy)
            if (sx >= 0 && sx < right && sy >= 0 && sy < bottom) inside(index, sx, sy);
    }
}

template <class T>
BasicImage<T> nearest(const BasicImage<T>& image, const AffineMap& map) {
    BasicImage<T> result(image.width, image.height, 1);
    for_sources(image, map, [&](size_t index, int64_t sx, int64_t sy) {
        result.pixels[index] = *image.at(static_cast<int>(sx >> bits), static_cast<int>(sy >> bits));
    });
    return result;
}

Image bilinear(const Image& image, const AffineMap& map) {
    Image result(image.width, image.height, 3);
    for_sources(image, map, [&](size_t index, int64_t sx, int64_t sy) {
        const int64_t px = sx - half, py = sy - half;
        const int left = static_cast<int>(px >> bits), above = static_cast<int>(py >> bits);
        const int fx = static_cast<int>((px >> (bits - 8)) & 255), fy = static_cast<int>((py >> (bits - 8)) & 255);
        const int x0 = std::max(left, 0), x1 = std::min(left + 1, image.width - 1), y0 = std::max(above, 0),
                  y1 = std::min(above + 1, image.height - 1);
        const uint8_t *a = image.at(x0, y0), *b = image.at(x1, y0), *c = image.at(x0, y1), *d = image.at(x1, y1);
        for (size_t k = 0; k < 3; ++k) {
            const int upper = a[k] * (256 - fx) + b[k] * fx, lower = c[k] * (256 - fx) + d[k] * fx;
            result.pixels[index * 3 + k] = static_cast<uint8_t>((upper * (256 - fy) + lower * fy + (1 << 15)) >> 16);
        }
    });
    return result;
}

Sample apply(Sample sample, const Augmentation& augmentation) {
    const int w = sample.rgb.width, h = sample.rgb.height;
    change_colours(sample.rgb, augmentation.brightness, augmentation.contrast, augmentation.saturation);
    if (augmentation.flip) {
        mirror(sample.rgb);
        mirror(sample.mask);
        mirror(sample.labels);
    }
    const bool cropped = augmentation.width != 1 || augmentation.height != 1;
    if (augmentation.degrees == 0 && !cropped) return sample;
    AffineMap map = rotation_about_centre(w, h, augmentation.degrees);
    if (cropped)
        map = compose(window(w, h, augmentation.left * w, augmentation.top * h, augmentation.width * w, augmentation.height * h), map);
    return {bilinear(sample.rgb, map), nearest(sample.mask, map), nearest(sample.labels, map)};
}

}  // namespace step_by_step
}  // namespace

TEST_CASE("augment: the change that is carried out at once has the bytes of one pass after the other") {
    const RandomStream stream(8, "passes");
    const AugmentOptions options[] = {
        {}, {true, 10, 0, 0, 0, 0}, {true, 0, 0.5, 0, 0, 0}, {false, 0, 0, 0.3, 0, 0}, {true, 0, 0, 0, 0.4, 1}, {true, 180, 0.9, 1, 1, 1}};
    uint64_t number = 0;
    for (const auto& [w, h] : {std::pair{1, 1}, {31, 17}, {48, 48}, {5, 64}})
        for (const AugmentOptions& one : options)
            for (int i = 0; i < 6; ++i) {
                RandomDraws draws(stream, 0, number++);
                const Augmentation drawn = draw_augmentation(one, draws);
                const Sample before = sample_of(w, h), wanted = step_by_step::apply(before, drawn), got = augmented(before, drawn);
                CHECK(got.rgb == wanted.rgb);
                CHECK(got.mask == wanted.mask);
                CHECK(got.labels == wanted.labels);
            }
}

TEST_CASE("augment: wrong options and sizes are refused") {
    AugmentOptions options;
    CHECK_NOTHROW(check_options(options));
    options.rotate = -1;
    CHECK_THROWS_AS(check_options(options), Error);
    options = {};
    options.crop = 0.95;
    CHECK(test::contains(test::error_of([&] { check_options(options); }), "crop is 0.95"));
    options = {};
    options.contrast = std::nan("");
    CHECK_THROWS_AS(check_options(options), Error);
    for (const augment::Problem& p : {augment::Problem{0, 3, 3, 3, 3},
                                      {1, 0, 3, 3, 3},
                                      {1, 3, 16385, 3, 3},
                                      {1, 3, 3, 3, 0},
                                      {65536, 3, 3, 3, 3},
                                      {40000, 300, 300, 3, 3}})
        CHECK_THROWS_AS(augment::check(p), Error);
    CHECK(test::contains(test::error_of([] { augment::check({7, 3, 0, 3, 3}); }), "can't take 7 pictures of 3 x 0 to masks of 3 x 3"));
}

}  // namespace purnet
