#include "data/metrics/meter.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/random/philox.h"
#include "data/metrics/bootstrap.h"
#include "data/metrics/levels.h"
#include "data/metrics/validation.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet::metrics {
namespace {

struct Picture {
    int64_t width, height;
    std::vector<uint8_t> pixels;

    GreyView view() const { return {pixels.data(), width, height}; }
};

Picture noise(int64_t width, int64_t height, uint64_t step) {
    Picture picture{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height))};
    const RandomStream stream(3, "picture");
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(stream.word(step, i) >> 24);
    return picture;
}

Picture disc(int64_t width, int64_t height) {
    Picture picture{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height))};
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            picture.pixels[static_cast<size_t>(y * width + x)] =
                9 * ((2 * x - width) * (2 * x - width) + (2 * y - height) * (2 * y - height)) < 4 * width * height ? 255 : 0;
    picture.pixels[static_cast<size_t>(height / 2 * width + width / 2)] = 255;
    return picture;
}

// The definition, pixel by pixel: a 7 x 7 sum for every pixel and an exhaustive search for the nearest one.
double weighted_f_by_definition(const Picture& map, const Picture& mask, const Levels& levels) {
    const int64_t w = map.width, h = map.height;
    const auto p = [&](int64_t x, int64_t y) { return levels.p[map.pixels[static_cast<size_t>(y * w + x)]]; };
    const auto inside = [&](int64_t x, int64_t y) { return mask.pixels[static_cast<size_t>(y * w + x)] > 128; };
    std::vector<double> spread(map.pixels.size()), distance(map.pixels.size());
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x) {
            int64_t best = -1, bu = x, bv = y;
            for (int64_t u = 0; u < w; ++u)
                for (int64_t v = 0; v < h; ++v) {
                    const int64_t d = (x - u) * (x - u) + (y - v) * (y - v);
                    if (inside(u, v) && (best < 0 || d < best)) best = d, bu = u, bv = v;
                }
            spread[static_cast<size_t>(y * w + x)] = 1 - p(bu, bv);
            distance[static_cast<size_t>(y * w + x)] = std::sqrt(static_cast<double>(best));
        }
    double kernel_sum = 0;
    for (int i = -3; i <= 3; ++i)
        for (int j = -3; j <= 3; ++j) kernel_sum += std::exp(-(i * i + j * j) / 50.0);
    double error = 0, false_positive = 0, foreground = 0;
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x) {
            if (!inside(x, y)) {
                false_positive += p(x, y) * (2 - std::exp(std::log(0.5) / 5 * distance[static_cast<size_t>(y * w + x)]));
                continue;
            }
            double blurred = 0;
            for (int64_t i = -3; i <= 3; ++i)
                for (int64_t j = -3; j <= 3; ++j)
                    if (x + j >= 0 && x + j < w && y + i >= 0 && y + i < h)
                        blurred += std::exp(-static_cast<double>(i * i + j * j) / 50) / kernel_sum *
                                   spread[static_cast<size_t>((y + i) * w + x + j)];
            error += std::min(1 - p(x, y), blurred);
            foreground += 1;
        }
    const double eps = 2.220446049250313e-16, true_positive = foreground - error;
    const double recall = 1 - error / foreground, precision = true_positive / (true_positive + false_positive + eps);
    return 2 * recall * precision / (recall + precision + eps);
}

}  // namespace

TEST_CASE("metrics: a perfect map has perfect figures, its inverse the worst") {
    const Picture mask = disc(41, 27);
    Picture inverse = mask;
    for (uint8_t& v : inverse.pixels) v = static_cast<uint8_t>(255 - v);
    Meter meter;
    const Figures good = figures_of(Protocol::pysod, meter.measure(mask.view(), mask.view()).scores);
    CHECK(good["MAE"] == 0);
    CHECK(good["maxFm"] == 1);
    CHECK(good["adpFm"] == 1);
    CHECK(good["wFmeasure"] == doctest::Approx(1).epsilon(1e-12));
    CHECK(good["Smeasure"] == doctest::Approx(1).epsilon(1e-12));
    const Figures bad = figures_of(Protocol::pysod, meter.measure(inverse.view(), mask.view()).scores);
    CHECK(bad["MAE"] == 1);
    CHECK(bad["adpFm"] == 0);
    CHECK(bad["Smeasure"] == 0);
    CHECK(bad["adpEm"] == doctest::Approx(0).epsilon(1e-12));
}

TEST_CASE("metrics: the weighted F-measure equals its definition on odd sizes") {
    Meter meter;
    uint64_t step = 0;
    for (const auto& [width, height] :
         std::initializer_list<std::pair<int64_t, int64_t>>{{1, 1}, {1, 6}, {7, 1}, {5, 4}, {19, 23}, {24, 11}}) {
        const Picture map = noise(width, height, ++step), disc_mask = disc(width, height);
        Picture noise_mask = noise(width, height, ++step);
        noise_mask.pixels[0] = 200;
        for (const Picture* mask : std::initializer_list<const Picture*>{&disc_mask, &noise_mask}) {
            INFO("size " << map.width << " x " << map.height);
            const double wanted = weighted_f_by_definition(map, *mask, stretched_levels(map.view()));
            CHECK(std::abs(meter.measure(map.view(), mask->view()).scores.weighted_f - wanted) < 1e-13);
        }
    }
}

TEST_CASE("metrics: a Meter keeps nothing from one image to the next") {
    Meter used;
    for (const int64_t size : {40, 7, 23}) {
        const Picture map = noise(size, size + 3, static_cast<uint64_t>(size)), mask = disc(size, size + 3);
        const Figures fresh = figures_of(Protocol::pysod, Meter().measure(map.view(), mask.view()).scores);
        CHECK(figures_of(Protocol::pysod, used.measure(map.view(), mask.view()).scores).values == fresh.values);
    }
}

TEST_CASE("metrics: levels are stretched in double, and truncated where integers would not be") {
    Picture map{3, 1, {0, 44, 220}};
    const Levels levels = stretched_levels(map.view());
    CHECK(levels.q[44] == 50);
    CHECK(44 * 255 / 220 == 51);
    CHECK(levels.q[0] == 0);
    CHECK(levels.q[220] == 255);
    CHECK_FALSE(levels.constant);
    map.pixels = {9, 9, 9};
    CHECK(stretched_levels(map.view()).constant);
    CHECK(stretched_levels(map.view()).p[9] == 9 / 255.0);
}

TEST_CASE("metrics: dss on four pixels, by hand") {
    const Picture map{4, 1, {255, 128, 10, 0}}, mask{4, 1, {255, 128, 127, 0}};
    const Scores scores = Meter(Protocol::dss).measure(map.view(), mask.view()).scores;
    CHECK(scores.mae == doctest::Approx(117.0 / 255 / 4).epsilon(1e-14));
    // index 0 is t = 255: nothing is above; index 255 is t = 0: all but the black pixel.
    CHECK(scores.precision[0] == doctest::Approx(1));
    CHECK(scores.recall[0] == doctest::Approx(1e-4 / 2.0001).epsilon(1e-12));
    CHECK(scores.precision[255] == doctest::Approx(2.0001 / 3.0001).epsilon(1e-12));
    CHECK(scores.recall[255] == doctest::Approx(1));
    CHECK(scores.precision[128] == doctest::Approx(1).epsilon(1e-12));  // t = 127
}

TEST_CASE("metrics: different sizes, empty pictures and unknown names are refused") {
    const Picture map = noise(4, 5, 1), mask = disc(5, 4);
    Meter meter;
    CHECK_THROWS_WITH_AS(meter.measure(map.view(), mask.view()), "the map is 4 x 5, its mask 5 x 4 pixels: both must have one size", Error);
    CHECK_THROWS_AS(meter.measure({nullptr, 0, 0}, {nullptr, 0, 0}), Error);
    CHECK_THROWS_AS(protocol_named("psod"), Error);
    CHECK(protocol_named("dss") == Protocol::dss);
    CHECK_THROWS_AS(Figures()["maxf"], Error);
    CHECK_THROWS_AS(Mean().value(), Error);
}

TEST_CASE("metrics validation: float maps give the figures of the bytes that predict writes") {
    Validation quick, full(true);
    Mean wanted;
    Meter meter;
    for (const int64_t size : {33, 20}) {
        const Picture map = noise(size, size + 1, static_cast<uint64_t>(size)), mask = disc(size, size + 1);
        std::vector<float> values(map.pixels.size());
        for (size_t i = 0; i < values.size(); ++i) values[i] = (static_cast<float>(map.pixels[i]) + 0.3f) / 255.0f;
        quick.add(values.data(), mask.pixels.data(), map.width, map.height);
        full.add(values.data(), mask.pixels.data(), map.width, map.height);
        wanted.add(meter.measure(map.view(), mask.view()).scores);
    }
    const Figures figures = figures_of(Protocol::pysod, wanted.value());
    CHECK(full.figures().values == figures.values);
    CHECK(quick.mae() == figures.mae());
    CHECK(quick.max_f() == figures.max_f());
    CHECK(std::isnan(quick.figures()["wFmeasure"]));
    CHECK(quick.images() == 2);
    const float broken[] = {0.5f, NAN};
    const uint8_t mask[] = {0, 255};
    CHECK_THROWS_AS(quick.add(broken, mask, 2, 1), Error);
}

TEST_CASE("metrics bootstrap: the same draws for every method and any number of threads; the interval holds the mean") {
    std::vector<Scores> images;
    Mean mean;
    Meter meter;
    for (uint64_t i = 0; i < 40; ++i) {
        const Picture map = noise(12, 9, i);
        images.push_back(meter.measure(map.view(), disc(12, 9).view()).scores);
        mean.add(images.back());
    }
    const std::vector<Figures> resamples = bootstrap(Protocol::pysod, images, 200, 5);
    const int threads = thread_count();
    set_thread_count(threads == 1 ? 2 : 1);
    const std::vector<Figures> again = bootstrap(Protocol::pysod, images, 200, 5);
    set_thread_count(threads);
    for (size_t i = 0; i < resamples.size(); ++i) CHECK(resamples[i].values == again[i].values);
    CHECK(bootstrap(Protocol::pysod, images, 1, 6)[0].values != resamples[0].values);

    const Figures whole = figures_of(Protocol::pysod, mean.value());
    double squares = 0;
    for (const Scores& scores : images) squares += (scores.mae - whole.mae()) * (scores.mae - whole.mae());
    const double standard_error = std::sqrt(squares) / 40;
    const Interval mae = interval(resamples, 0);
    CHECK(mae.low < whole.mae());
    CHECK(mae.high > whole.mae());
    CHECK(mae.high - mae.low == doctest::Approx(2 * 1.96 * standard_error).epsilon(0.25));
    CHECK(std::isnan(interval(bootstrap(Protocol::dss, images, 3, 1), 1).low));
    CHECK_THROWS_AS(bootstrap(Protocol::pysod, {}, 3, 1), Error);
    CHECK_THROWS_AS(bootstrap(Protocol::pysod, images, 0, 1), Error);
}

TEST_CASE("metrics bootstrap: percentiles lie between neighbours") {
    std::vector<Figures> resamples(5);
    for (size_t i = 0; i < 5; ++i) resamples[4 - i].values[0] = static_cast<double>(i);
    const Interval middle = interval(resamples, 0, 0.5);
    CHECK(middle.low == 1);
    CHECK(middle.high == 3);
    CHECK(interval(resamples, 0, 0.95).low == doctest::Approx(0.1));
}

}  // namespace purnet::metrics
