// A grey 8-bit picture in memory, as every metric reads it: rows from the top, no padding between them. Owns nothing.
#pragma once

#include <cstdint>

#include "data/image/image.h"
#include "kernels/runtime/error.h"

namespace purnet::metrics {

struct GreyView {
    const uint8_t* pixels = nullptr;
    int64_t width = 0;
    int64_t height = 0;

    int64_t size() const { return width * height; }
    const uint8_t* row(int64_t y) const { return pixels + y * width; }
};

inline GreyView view_of(const Image& image) {
    require(image.channels == 1, "metrics: a picture with ", image.channels, " channels is no map or mask");
    return {image.pixels.data(), image.width, image.height};
}

}  // namespace purnet::metrics
