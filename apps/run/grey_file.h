// A map or a mask from a file, as 8-bit grey.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/metrics/grey.h"

namespace purnet {

struct GreyImage {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> pixels;

    metrics::GreyView view() const { return {pixels.data(), width, height}; }
};

// PNG of any kind: palettes and colour become grey by (4899 R + 9617 G + 1868 B + 8192) / 2^14, 16 bits are cut to the upper 8,
// 1, 2 and 4 bits are spread to 0..255, alpha and gamma are ignored (what OpenCV does, and with it the field's evaluations).
// Error for anything else, and for more than 200 million pixels.
GreyImage read_grey(const std::filesystem::path& path);

}  // namespace purnet
