// A grey 8-bit picture in memory, as every metric reads it: rows from the top, no padding between them. Owns nothing.
#pragma once

#include <cstdint>

namespace purnet::metrics {

struct GreyView {
    const uint8_t* pixels = nullptr;
    int64_t width = 0;
    int64_t height = 0;

    int64_t size() const { return width * height; }
    const uint8_t* row(int64_t y) const { return pixels + y * width; }
};

}  // namespace purnet::metrics
