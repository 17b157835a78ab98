// A backbone without its classifier: five feature maps from H/4 to H/16, sizes rounded up at every stride.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "layers/batch_norm2d.h"

namespace purnet {

using Levels = std::array<Tensor, 5>;  // index 0 = level 1, the finest

class Extractor {
public:
    virtual ~Extractor() = default;
    // image N,H,W,3, normalised as the backbone wants it; H, W of 32 and more.
    virtual Levels operator()(const Tensor& image, Mode mode) const = 0;
    virtual std::array<int64_t, 5> channels() const = 0;
};

}  // namespace purnet
