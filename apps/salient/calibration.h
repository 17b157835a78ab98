// Ranges for inference in 8 bits, measured on a user's pictures.
#pragma once

#include <filesystem>
#include <vector>

#include "core/plan/ranges.h"
#include "nets/purnet.h"

namespace purnet {

constexpr size_t most_calibration_pictures = 64;

// On at most most_calibration_pictures of the files, spread evenly over them, resized to side squared. A file that cannot be read throws.
Ranges calibrate(const PurNet& net, int side, const std::vector<std::filesystem::path>& pictures);
// The same on pictures already at height x width, n of them one behind the other.
Ranges calibrate_on(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t height, int64_t width);

}  // namespace purnet
