#include "data/image/pfm.h"

#include <bit>
#include <cstring>
#include <string>

#include "kernels/runtime/error.h"

namespace purnet {

static_assert(std::endian::native == std::endian::little);

std::vector<uint8_t> encode_pfm(const std::vector<float>& samples, int width, int height) {
    require(width >= 1 && height >= 1 && samples.size() == static_cast<size_t>(width) * static_cast<size_t>(height),
            "PFM: ", samples.size(), " samples do not make ", width, " x ", height);
    const std::string head = "Pf\n" + std::to_string(width) + " " + std::to_string(height) + "\n-1.0\n";
    const size_t row = static_cast<size_t>(width) * sizeof(float);
    std::vector<uint8_t> bytes(head.size() + row * static_cast<size_t>(height));
    std::memcpy(bytes.data(), head.data(), head.size());
    for (int y = 0; y < height; ++y)
        std::memcpy(bytes.data() + head.size() + static_cast<size_t>(height - 1 - y) * row,
                    samples.data() + static_cast<size_t>(y) * static_cast<size_t>(width), row);
    return bytes;
}

}  // namespace purnet
