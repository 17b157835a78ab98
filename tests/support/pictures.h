// Help for tests with pictures.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

#include "data/image/image.h"

namespace purnet::test {

// The largest difference of two samples, or -1 when the shapes differ.
template <class Sample>
int largest_difference(const BasicImage<Sample>& a, const BasicImage<Sample>& b) {
    if (a.width != b.width || a.height != b.height || a.channels != b.channels || a.pixels.size() != b.pixels.size()) return -1;
    int most = 0;
    for (size_t i = 0; i < a.pixels.size(); ++i)
        most = std::max(most, std::abs(static_cast<int>(a.pixels[i]) - static_cast<int>(b.pixels[i])));
    return most;
}

// A picture with every kind of slope, drawn by formula.
inline Image pattern(int width, int height, int channels) {
    Image image(width, height, channels);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
                image.at(x, y)[c] = static_cast<uint8_t>(x * (7 + c) + y * (13 - 2 * c) + (x / 5 * y / 3) * 31 + c * 50);
    return image;
}

// The message an action throws, or "" when it throws nothing.
template <class Action>
std::string error_of(Action&& action) {
    try {
        action();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace purnet::test
