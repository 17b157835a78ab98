// Soft edges: guided filter, foreground colours, blurred background, thresholds, each against its definition.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <tuple>

#include "data/matting/foreground.h"
#include "data/matting/guided_filter.h"
#include "data/matting/threshold.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet::matting {
namespace {

std::vector<float> wavy_map(int width, int height) {
    std::vector<float> map(static_cast<size_t>(width) * static_cast<size_t>(height));
    for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<float>(0.5 + 0.5 * std::sin(static_cast<double>(i) * 0.37));
    for (size_t i = 0; i < map.size() / 3; ++i) map[i] = 0;
    for (size_t i = 0; i < map.size() / 4; ++i) map[map.size() - 1 - i] = 1;
    return map;
}

// By the equations, window after window; the system by elimination.
std::vector<double> guided_by_definition(const Image& rgb, const std::vector<float>& map, int radius, double epsilon) {
    const int w = rgb.width, h = rgb.height;
    std::vector<std::array<double, 4>> linear(map.size());
    const auto window = [&](int x, int y, auto&& visit) {
        for (int v = std::max(0, y - radius); v <= std::min(h - 1, y + radius); ++v)
            for (int u = std::max(0, x - radius); u <= std::min(w - 1, x + radius); ++u) visit(u, v);
    };
    const auto p = [&](int x, int y) { return static_cast<double>(map[static_cast<size_t>(y * w + x)]); };
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
            double n = 0, mean_p = 0, mean[3] = {}, system[3][4] = {};
            window(x, y, [&](int u, int v) {
                ++n, mean_p += p(u, v);
                for (int c = 0; c < 3; ++c) mean[c] += rgb.at(u, v)[c] / 255.0;
            });
            mean_p /= n;
            for (double& m : mean) m /= n;
            window(x, y, [&](int u, int v) {
                for (int c = 0; c < 3; ++c) {
                    const double d = rgb.at(u, v)[c] / 255.0 - mean[c];
                    for (int e = 0; e < 3; ++e) system[c][e] += d * (rgb.at(u, v)[e] / 255.0 - mean[e]) / n;
                    system[c][3] += d * (p(u, v) - mean_p) / n;
                }
            });
            for (int c = 0; c < 3; ++c) system[c][c] += epsilon;
            for (int c = 0; c < 3; ++c)
                for (int r = 0; r < 3; ++r) {
                    if (r == c) continue;
                    const double factor = system[r][c] / system[c][c];
                    for (int e = 0; e < 4; ++e) system[r][e] -= factor * system[c][e];
                }
            std::array<double, 4>& l = linear[static_cast<size_t>(y * w + x)];
            l[3] = mean_p;
            for (size_t c = 0; c < 3; ++c) {
                l[c] = system[c][3] / system[c][c];
                l[3] -= l[c] * mean[c];
            }
        }
    std::vector<double> out;
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
            double n = 0, sum = 0;
            window(x, y, [&](int u, int v) {
                const auto& l = linear[static_cast<size_t>(v * w + u)];
                ++n, sum += l[3];
                for (size_t c = 0; c < 3; ++c) sum += l[c] * rgb.at(x, y)[c] / 255.0;
            });
            out.push_back(std::clamp(sum / n, 0.0, 1.0));
        }
    return out;
}

// A disc of one colour before another, and its soft mask.
struct Pasted {
    Image rgb, object;
    std::vector<float> alpha;
};
Pasted pasted(int side, double softness) {
    Pasted out{Image(side, side, 3), Image(side, side, 3), {}};
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
            const double distance = std::hypot(x - side / 2.0, y - side / 2.0) - side / 4.0;
            const double a = std::clamp(0.5 - distance / softness, 0.0, 1.0);
            out.alpha.push_back(static_cast<float>(a));
            const double f[3] = {220, 200, 40.0 + y}, b[3] = {20, 60.0 + x, 120};
            for (int c = 0; c < 3; ++c) {
                out.object.at(x, y)[c] = static_cast<uint8_t>(f[c]);
                out.rgb.at(x, y)[c] = static_cast<uint8_t>(std::lround(a * f[c] + (1 - a) * b[c]));
            }
        }
    return out;
}

double mean_error(const std::vector<float>& map, const std::vector<float>& truth) {
    double sum = 0;
    for (size_t i = 0; i < map.size(); ++i) sum += std::fabs(map[i] - truth[i]);
    return sum / static_cast<double>(map.size());
}

}  // namespace

TEST_CASE("guided filter: the equations, for radii below and above the picture's size") {
    struct Setting {
        int w, h, radius;
        double epsilon;
    };
    for (const Setting& s : {Setting{23, 17, 1, 1e-4}, {23, 17, 4, 1e-2}, {9, 31, 40, 1e-3}, {1, 1, 3, 1e-3}, {40, 1, 2, 1e-6}}) {
        const int w = s.w, h = s.h, radius = s.radius;
        const double epsilon = s.epsilon;
        const Image rgb = test::pattern(w, h, 3);
        const std::vector<float> map = wavy_map(w, h), got = guided_filter(rgb, map, radius, epsilon);
        const std::vector<double> wanted = guided_by_definition(rgb, map, radius, epsilon);
        double most = 0;
        for (size_t i = 0; i < got.size(); ++i) most = std::max(most, std::fabs(got[i] - wanted[i]));
        CAPTURE(w);
        CAPTURE(radius);
        CHECK(most < 5e-5);  // half a step of p, and what a small epsilon makes of it
    }
}

TEST_CASE("guided filter: stripes and threads leave no trace") {
    const int w = 12, h = 700;
    const Image rgb = test::pattern(w, h, 3);
    const std::vector<float> map = wavy_map(w, h);
    const int threads = thread_count();
    set_thread_count(1);
    const std::vector<float> one = guided_filter(rgb, map, 3, 1e-3);
    set_thread_count(3);
    const std::vector<float> three = guided_filter(rgb, map, 3, 1e-3);
    set_thread_count(threads);
    CHECK(one == three);
    const std::vector<double> wanted = guided_by_definition(rgb, map, 3, 1e-3);
    double most = 0;
    for (size_t i = 0; i < one.size(); ++i) most = std::max(most, std::fabs(one[i] - wanted[i]));
    CHECK(most < 5e-5);
}

TEST_CASE("guided filter: a blurred map snaps to the object's edge; flat maps stay flat") {
    const Pasted sharp = pasted(96, 1), soft = pasted(96, 16);
    const std::vector<float> refined = guided_filter(sharp.rgb, soft.alpha, 10, 1e-4);
    // The filter keeps the means of both sides: what is soft becomes a step at the edge and a faint rest beside it, which a stretch of
    // the middle half takes away.
    const auto stretched = [](std::vector<float> map) {
        for (float& p : map) p = std::clamp(2 * p - 0.5f, 0.0f, 1.0f);
        return map;
    };
    const double before = mean_error(stretched(soft.alpha), sharp.alpha), after = mean_error(stretched(refined), sharp.alpha);
    CAPTURE(before);
    CAPTURE(after);
    CHECK(after < before / 8);
    for (const float level : {0.0f, 1.0f}) {
        const std::vector<float> flat(96 * 96, level);
        CHECK(guided_filter(sharp.rgb, flat, 5, 1e-4) == flat);
    }
    std::vector<float> odd(96 * 96, std::nanf(""));
    odd[0] = 7;
    CHECK(guided_filter(sharp.rgb, odd, 1, 1e-4)[5000] == 0);
}

TEST_CASE("guided filter: what does not fit is refused") {
    const Image rgb(4, 3, 3);
    const std::vector<float> map(12);
    REFUSED(guided_filter(rgb, std::vector<float>(11), 1, 1e-3), "11 values does not belong to a picture of 4 x 3");
    REFUSED(guided_filter(Image(4, 3, 1), map, 1, 1e-3), "1 channels");
    REFUSED(guided_filter(rgb, map, 0, 1e-3), "use 1 to 256");
    REFUSED(guided_filter(rgb, map, 257, 1e-3), "use 1 to 256");
    REFUSED(guided_filter(rgb, map, 1, 0), "epsilon is 0");
    REFUSED(foreground_colours(rgb, map, 0), "foreground colours: a radius of 0");
    REFUSED(blurred_background(rgb, std::vector<float>(1), 1), "1 values of alpha");
}

TEST_CASE("foreground colours: the old background leaves the seam, opaque pixels keep their bytes") {
    const Pasted p = pasted(120, 20);
    const Image got = foreground_colours(p.rgb, p.alpha, 30);
    double before = 0, after = 0;
    int seam = 0;
    for (int y = 0; y < 120; ++y)
        for (int x = 0; x < 120; ++x) {
            const float a = p.alpha[static_cast<size_t>(y * 120 + x)];
            for (int c = 0; c < 3; ++c) {
                if (a == 1) REQUIRE(got.at(x, y)[c] == p.rgb.at(x, y)[c]);
                if (a < 0.1f || a > 0.9f) continue;
                ++seam;
                before += std::abs(p.rgb.at(x, y)[c] - p.object.at(x, y)[c]);
                after += std::abs(got.at(x, y)[c] - p.object.at(x, y)[c]);
            }
        }
    CAPTURE(before / seam);
    CAPTURE(after / seam);
    CHECK(after < before / 3);
    CHECK(foreground_colours(p.rgb, std::vector<float>(p.alpha.size(), 0.0f), 5) == p.rgb);
    CHECK(foreground_colours(p.rgb, std::vector<float>(p.alpha.size(), 1.0f), 5) == p.rgb);
}

TEST_CASE("blurred background: smooth, and the object does not shine through") {
    Pasted p = pasted(80, 1);
    for (int y = 0; y < 80; ++y)
        for (int x = 0; x < 80; ++x)
            if (p.alpha[static_cast<size_t>(y * 80 + x)] == 0)
                for (int c = 0; c < 3; ++c) p.rgb.at(x, y)[c] = (x + y) % 2 ? 120 : 80;
    for (float& a : p.alpha) a = a > 0 ? 1 : 0;
    const Image got = blurred_background(p.rgb, p.alpha, 6);
    for (int y = 0; y < 80; ++y)
        for (int x = 0; x < 80; ++x)
            if (p.alpha[static_cast<size_t>(y * 80 + x)] == 0) {
                CAPTURE(x);
                CAPTURE(y);
                REQUIRE(std::abs(got.at(x, y)[0] - 100) <= 12);
            }
}

TEST_CASE("threshold: fixed, Otsu's and the adaptive one") {
    std::vector<float> map;
    for (int i = 0; i < 100; ++i) map.push_back(static_cast<float>(0.1 + 0.001 * (i % 10)));
    for (int i = 0; i < 30; ++i) map.push_back(static_cast<float>(0.6 + 0.01 * (i % 10)));
    const double level = level_of(threshold_named("otsu"), map);
    CHECK(level > 0.11);
    CHECK(level < 0.6);
    std::vector<float> split = map;
    apply_threshold(threshold_named("otsu"), split);
    CHECK(std::count(split.begin(), split.end(), 1.0f) == 30);
    CHECK(std::count(split.begin(), split.end(), 0.0f) == 100);
    CHECK(level_of(threshold_named("otsu"), std::vector<float>(5, 0.3f)) == 0.5);
    CHECK(level_of(threshold_named("adaptive"), {0.1f, 0.3f}) == doctest::Approx(0.4));
    CHECK(level_of(threshold_named("adaptive"), {0.9f, 0.7f}) == 1);
    std::vector<float> nothing(4, 0.0f);
    apply_threshold(threshold_named("adaptive"), nothing);
    CHECK(nothing == std::vector<float>(4, 0.0f));
    std::vector<float> values = {0.24f, 0.25f, 0.26f};
    apply_threshold(threshold_named("none"), values);
    CHECK(values[0] == 0.24f);
    apply_threshold(threshold_named("0.25"), values);
    CHECK(values == std::vector<float>{0, 1, 1});
    REFUSED(threshold_named("half"), "'half' is no threshold");
    REFUSED(threshold_named("1.5"), "use none, otsu, adaptive or a number from 0 to 1");
    REFUSED(threshold_named(""), "is no threshold");
}

}  // namespace purnet::matting
