#include "nets/decoder.h"

namespace purnet {

Decoder::Decoder(const Scope& scope, const std::string& prefix, const std::array<int64_t, 5>& channels, int width) {
    convert_.reserve(5);
    up_.reserve(4);
    for (int level = 5; level >= 1; --level)
        convert_.emplace_back(scope / (prefix + "convert" + std::to_string(level)), 0, channels[static_cast<size_t>(level - 1)], width, 1);
    for (int level = 5; level >= 2; --level) {
        const Scope name = scope / (prefix + "feature_upscore" + std::to_string(level));
        Up& up = up_.emplace_back(Up{Cbp(name, 0, width, width, 3), std::nullopt});
        if (level == 4 || level == 3)
            up.twice.emplace(name / 3, ConvTranspose2d::Form{.in = width, .out = width, .kernel = 4, .stride = 2, .crop = 1});
    }
}

Levels Decoder::operator()(const Levels& extracted, Mode mode) const {
    Levels features;
    features[4] = convert_[0](extracted[4], mode);
    for (size_t i = 1; i < 5; ++i) {  // level 5 - i
        const Tensor& e = extracted[4 - i];
        const Up& up = up_[i - 1];
        Tensor above = up.cbp(features[5 - i], mode);
        if (up.twice) above = (*up.twice)(above, e.size(1), e.size(2));
        features[4 - i] = convert_[i](e, mode, above);
    }
    return features;
}

Head::Head(const Scope& scope, int width)
    : first_(scope, 0, width, width, 3), second_(scope, 3, width, width, 1), last_(scope / 6, {.in = width, .out = 1, .bias = true}) {}

ConvTranspose2d upsampler(const Scope& scope, int level) {
    constexpr int kernels[] = {8, 8, 16, 32, 32};
    const int kernel = kernels[level - 1];
    return ConvTranspose2d(scope, {.in = 1, .out = 1, .kernel = kernel, .stride = kernel / 2, .crop = kernel / 4});
}

}  // namespace purnet
