#include "data/check/perceptual_hash.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr int side = 32, frequencies = 8, small_side = 16;
constexpr uint64_t odd_columns = 0xaaaaaaaaaaaaaaaau;

using Square = std::array<double, side * side>;

Square shrunk(const Image& image) {
    std::vector<uint8_t> bytes(static_cast<size_t>(side * side * image.channels));
    resize_bilinear(image.pixels.data(), image.height, image.width, image.channels, bytes.data(), side, side);
    Square grey;
    for (size_t i = 0; i < grey.size(); ++i)
        grey[i] = image.channels == 1 ? bytes[i] : 0.299 * bytes[3 * i] + 0.587 * bytes[3 * i + 1] + 0.114 * bytes[3 * i + 2];
    return grey;
}

uint64_t signs_of(const Square& grey) {
    static const auto cosines = [] {
        std::array<double, frequencies * side> table;
        for (int u = 0; u < frequencies; ++u)
            for (int x = 0; x < side; ++x) table[static_cast<size_t>(u * side + x)] = std::cos(std::numbers::pi * u * (x + 0.5) / side);
        return table;
    }();
    std::array<double, side * frequencies> rows{};  // y, u
    for (size_t y = 0; y < side; ++y)
        for (size_t u = 0; u < frequencies; ++u)
            for (size_t x = 0; x < side; ++x) rows[y * frequencies + u] += grey[y * side + x] * cosines[u * side + x];
    uint64_t signs = 0;
    for (size_t v = 0; v < frequencies; ++v)
        for (size_t u = 0; u < frequencies; ++u) {
            double f = 0;
            for (size_t y = 0; y < side; ++y) f += rows[y * frequencies + u] * cosines[v * side + y];
            if (f > 0 && u + v > 0) signs |= uint64_t{1} << (8 * v + u);
        }
    return signs;
}

// 16 x 16, less its mean, scaled to a length of 16 x 40, so that the values fill a byte; where they would not fit they are cut.
void set_small(const Square& grey, Signature& signature) {
    std::array<double, small_side * small_side> values{};
    double mean = 0, square = 0;
    for (size_t y = 0; y < side; ++y)
        for (size_t x = 0; x < side; ++x) values[y / 2 * small_side + x / 2] += grey[y * side + x] / 4;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) square += (v - mean) * (v - mean);
    const double deviation = std::sqrt(square / static_cast<double>(values.size()));
    signature.flat = deviation < 2;
    if (signature.flat) return;
    for (size_t i = 0; i < values.size(); ++i)
        signature.small[i] = static_cast<int8_t>(std::lround(std::fmin(127, std::fmax(-127, (values[i] - mean) / deviation * 40))));
}

double correlation(const Signature& a, const Signature& b, bool mirrored) {
    int64_t product = 0, of_a = 0, of_b = 0;
    for (size_t y = 0; y < small_side; ++y)
        for (size_t x = 0; x < small_side; ++x) {
            const int p = a.small[y * small_side + x], q = b.small[y * small_side + (mirrored ? small_side - 1 - x : x)];
            product += p * q;
            of_a += p * p;
            of_b += q * q;
        }
    return static_cast<double>(product) / std::sqrt(static_cast<double>(of_a) * static_cast<double>(of_b));
}

}  // namespace

uint64_t content_hash(const void* bytes, size_t count, uint64_t seed) {
    const auto* at = static_cast<const uint8_t*>(bytes);
    uint64_t hash = (seed ^ count) * 0x9e3779b97f4a7c15u;
    const auto take = [&](uint64_t word) {
        hash = std::rotl((hash ^ word) * 0xff51afd7ed558ccdu, 31);
        hash ^= hash >> 29;
    };
    for (; count >= 8; at += 8, count -= 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        take(word);
    }
    uint64_t last = 0;
    std::memcpy(&last, at, count);
    take(last);
    take(0);
    return hash;
}

Signature signature_of(const Image& image) {
    require(!image.empty() && (image.channels == 1 || image.channels == 3), "a signature needs a grey or RGB picture");
    Signature signature;
    const uint64_t shape[3] = {static_cast<uint64_t>(image.width), static_cast<uint64_t>(image.height),
                               static_cast<uint64_t>(image.channels)};
    signature.content = content_hash(image.pixels.data(), image.pixels.size(), content_hash(shape, sizeof shape));
    const Square grey = shrunk(image);
    signature.signs = signs_of(grey);
    set_small(grey, signature);
    return signature;
}

Likeness likeness(const Signature& a, const Signature& b) {
    Likeness best;
    if (a.flat || b.flat) return best;
    const uint64_t difference = a.signs ^ b.signs;
    if (std::popcount(difference) <= most_bits) best.correlation = correlation(a, b, false);
    // bit 0 stands for no frequency and is never set
    if (std::popcount(difference ^ odd_columns) <= most_bits)
        if (const double r = correlation(a, b, true); r > best.correlation) best = {r, true};
    return best;
}

}  // namespace purnet
