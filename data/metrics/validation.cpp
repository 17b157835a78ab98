#include "data/metrics/validation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/runtime/error.h"

namespace purnet::metrics {

Validation::Validation(bool with_weighted_f) : with_weighted_f_(with_weighted_f) { meter_.measure_weighted_f(with_weighted_f); }

void Validation::add(const float* map, const uint8_t* mask, int64_t width, int64_t height) {
    require(width > 0 && height > 0, "validation: a map of ", width, " x ", height, " has no pixels");
    bytes_.resize(static_cast<size_t>(width * height));
    for (size_t i = 0; i < bytes_.size(); ++i) {
        require(!std::isnan(map[i]), "validation: the map of image ", images() + 1, " holds a value that is not a number");
        bytes_[i] = static_cast<uint8_t>(std::lrint(std::clamp(map[i], 0.0f, 1.0f) * 255.0f));
    }
    mean_.add(meter_.measure({bytes_.data(), width, height}, {mask, width, height}).scores);
}

Figures Validation::figures() const {
    Figures out = figures_of(Protocol::pysod, mean_.value());
    if (!with_weighted_f_) out.values[2] = std::numeric_limits<double>::quiet_NaN();
    return out;
}

}  // namespace purnet::metrics
