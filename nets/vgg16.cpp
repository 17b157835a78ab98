#include "nets/vgg16.h"

#include "core/ops/activation.h"
#include "layers/pool.h"

namespace purnet {

Vgg16::Vgg16(const Scope& scope) {
    const Scope features = scope / "vgg" / "features";
    constexpr std::array<std::array<int, 2>, 5> plan{{{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}};  // channels, convolutions
    int64_t in = 3;
    int index = 0;
    for (const auto& [channels, count] : plan) {
        auto& block = blocks_.emplace_back();
        for (int i = 0; i < count; ++i, index += 2, in = channels)  // a ReLU takes an index too, and so does the pool
            block.emplace_back(features / index, Conv2d::Form{.in = in, .out = channels, .kernel = 3, .padding = 1, .bias = true});
        ++index;
    }
}

Levels Vgg16::operator()(const Tensor& image, Mode) const {
    Levels levels;
    Tensor x = image;
    for (size_t b = 0; b < blocks_.size(); ++b) {
        if (b > 0) x = max_pool_ceiling(x, 2, 2);
        if (b == 2) levels[0] = x;
        for (const Conv2d& conv : blocks_[b]) x = ops::relu(conv(x));
        if (b >= 2) levels[b - 1] = x;
    }
    levels[4] = max_pool(x, 3, 1, 1);
    return levels;
}

}  // namespace purnet
