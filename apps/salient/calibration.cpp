#include "apps/salient/calibration.h"

#include "apps/salient/input.h"
#include "data/image/decode.h"
#include "kernels/resize/resize_bytes.h"

namespace purnet {

Ranges calibrate(const PurNet& net, int side, const std::vector<std::filesystem::path>& pictures) {
    const size_t count = std::min(pictures.size(), most_calibration_pictures);
    const size_t bytes = static_cast<size_t>(side) * static_cast<size_t>(side) * 3;
    std::vector<uint8_t> rgb(count * bytes);
    for (size_t i = 0; i < count; ++i) {
        const Image image = read_rgb(pictures[i * pictures.size() / count]);
        resize_bilinear(image.pixels.data(), image.height, image.width, 3, rgb.data() + i * bytes, side, side);
    }
    return calibrate_on(net, rgb.data(), static_cast<int64_t>(count), side, side);
}

Ranges calibrate_on(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t height, int64_t width) {
    std::vector<std::vector<Tensor>> runs;
    for (int64_t i = 0; i < n; ++i)
        runs.push_back({network_input(rgb + i * height * width * 3, 1, height, width, net.config().normalisation)});
    return measure_ranges([&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net.level1(in[0])}; }, runs);
}

}  // namespace purnet
