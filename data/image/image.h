// Pictures in memory: 8-bit or 16-bit samples, rows from the top, channels interleaved:
// pixels[(y * width + x) * channels + c]; 1 channel = grey, 3 = RGB, 4 = RGBA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace purnet {

template <class Sample>
struct BasicImage {
    int width = 0, height = 0, channels = 0;
    std::vector<Sample> pixels;

    BasicImage() = default;
    BasicImage(int w, int h, int c, Sample fill = 0)
        : width(w), height(h), channels(c), pixels(static_cast<size_t>(w) * static_cast<size_t>(h) * static_cast<size_t>(c), fill) {}

    size_t row_size() const { return static_cast<size_t>(width) * static_cast<size_t>(channels); }
    Sample* row(int y) { return pixels.data() + static_cast<size_t>(y) * row_size(); }
    const Sample* row(int y) const { return pixels.data() + static_cast<size_t>(y) * row_size(); }
    Sample* at(int x, int y) { return row(y) + static_cast<size_t>(x) * static_cast<size_t>(channels); }
    const Sample* at(int x, int y) const { return row(y) + static_cast<size_t>(x) * static_cast<size_t>(channels); }
    bool empty() const { return pixels.empty(); }
    bool operator==(const BasicImage&) const = default;
};

using Image = BasicImage<uint8_t>;
using Image16 = BasicImage<uint16_t>;

// Region numbers of a picture, one a pixel; gaps are legal.
using LabelMap = BasicImage<int32_t>;

}  // namespace purnet
