#include "data/augment/augment.h"

#include <doctest/doctest.h>

#include <cmath>

#include "data/augment/warp.h"
#include "kernels/runtime/error.h"
#include "tests/support/pictures.h"

namespace purnet {
namespace {

LabelMap numbered(int w, int h) {
    LabelMap labels(w, h, 1);
    for (size_t i = 0; i < labels.pixels.size(); ++i) labels.pixels[i] = static_cast<int32_t>(i) + 1;
    return labels;
}

Sample sample_of(int w, int h) {
    Sample sample{test::pattern(w, h, 3), test::pattern(w, h, 1), numbered(w, h)};
    return sample;
}

}  // namespace

TEST_CASE("augment: flipping mirrors picture, mask and labels; twice is nothing") {
    for (const auto& [w, h] : {std::pair{7, 5}, {8, 3}, {1, 1}}) {
        const Sample before = sample_of(w, h);
        Sample sample = before;
        Augmentation flip;
        flip.flip = true;
        apply(sample, flip);
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x) {
                const int mirrored = w - 1 - x;
                CHECK(std::equal(sample.rgb.at(x, y), sample.rgb.at(x, y) + 3, before.rgb.at(mirrored, y)));
                CHECK(*sample.mask.at(x, y) == *before.mask.at(mirrored, y));
                CHECK(*sample.labels.at(x, y) == *before.labels.at(mirrored, y));
            }
        apply(sample, flip);
        CHECK(sample.rgb == before.rgb);
        CHECK(sample.labels == before.labels);
    }
}

TEST_CASE("augment: a quarter turn anticlockwise moves every pixel where it belongs") {
    const Image image = test::pattern(9, 9, 3);
    const AffineMap map = rotation_about_centre(9, 9, 90);
    const Image smooth = warp_bilinear(image, map), hard = warp_nearest(image, map);
    CHECK(smooth == hard);
    // anticlockwise: the right column becomes the top row
    for (int y = 0; y < 9; ++y)
        for (int x = 0; x < 9; ++x) CHECK(std::equal(hard.at(x, y), hard.at(x, y) + 3, image.at(8 - y, x)));
}

TEST_CASE("augment: rotation against the formula, zero outside") {
    const int w = 40, h = 30;
    const Image image = test::pattern(w, h, 3);
    const LabelMap labels = numbered(w, h);
    for (const double degrees : {-10.0, 3.3, 10.0, 45.0}) {
        const AffineMap map = rotation_about_centre(w, h, degrees);
        const Image smooth = warp_bilinear(image, map);
        const LabelMap hard = warp_nearest(labels, map);
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
    CHECK(warp_bilinear(image, rotation_about_centre(w, h, 0)) == image);
    CHECK(warp_nearest(labels, rotation_about_centre(w, h, 360)) == labels);
}

TEST_CASE("augment: a window is shown at the whole size") {
    const Image image = test::pattern(20, 10, 1);
    CHECK(warp_bilinear(image, window(20, 10, 0, 0, 20, 10)) == image);
    const Image quarter = warp_nearest(image, window(20, 10, 10, 5, 10, 5));
    for (int y = 0; y < 10; ++y)
        for (int x = 0; x < 20; ++x) CHECK(*quarter.at(x, y) == *image.at(10 + x / 2, 5 + y / 2));
    // first the rotation, then the window on its result
    const AffineMap turn = rotation_about_centre(20, 10, 180), look = window(20, 10, 0, 0, 10, 5);
    CHECK(warp_nearest(image, compose(look, turn)) == warp_nearest(warp_nearest(image, turn), look));
}

TEST_CASE("augment: colours") {
    Image image = test::pattern(13, 7, 3);
    const Image before = image;
    change_colours(image, 1, 1, 1);
    CHECK(image == before);
    change_colours(image, 0.5, 1, 1);
    for (size_t i = 0; i < image.pixels.size(); ++i) REQUIRE(std::abs(image.pixels[i] - before.pixels[i] * 0.5) <= 0.5);
    image = before;
    change_colours(image, 1, 1, 0);
    for (size_t i = 0; i < image.pixels.size(); i += 3)
        REQUIRE((image.pixels[i] == image.pixels[i + 1] && image.pixels[i] == image.pixels[i + 2]));
    image = before;
    change_colours(image, 1, 0, 1);
    for (const uint8_t v : image.pixels) REQUIRE(std::abs(v - image.pixels[0]) <= 1);
    double mean = 0;
    for (size_t i = 0; i < before.pixels.size(); i += 3)
        mean += 0.299 * before.pixels[i] + 0.587 * before.pixels[i + 1] + 0.114 * before.pixels[i + 2];
    CHECK(std::abs(image.pixels[0] - mean / static_cast<double>(before.pixels.size() / 3)) <= 1);
    image = Image(2, 2, 3, 200);
    change_colours(image, 2, 1.5, 1.5);
    CHECK(image == Image(2, 2, 3, 255));
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
    Sample sample = sample_of(31, 17), again = sample;
    RandomDraws draws(stream, 1, 1), same(stream, 1, 1);
    apply(sample, draw_augmentation(all, draws));
    apply(again, draw_augmentation(all, same));
    CHECK(sample.rgb == again.rgb);
    CHECK(sample.labels == again.labels);
    CHECK(sample.rgb.pixels != test::pattern(31, 17, 3).pixels);
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
    Sample sample{Image(3, 3, 3), Image(3, 2, 1), {}};
    CHECK_THROWS_AS(apply(sample, {}), Error);
}

}  // namespace purnet
