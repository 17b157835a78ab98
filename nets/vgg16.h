// VGG-16 without its classifier: thirteen 3x3 convolutions with bias and ReLU, 2x2 pools of stride 2 with ceiling in between,
// no dilation. Levels: pool2 (128, H/4), conv3_3 (256, H/4), conv4_3 (512, H/8), conv5_3 (512, H/16), and that through a
// max-pool 3x3 of stride 1. Names: `vgg.features.N` with torchvision's N.
// Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
#pragma once

#include <vector>

#include "layers/conv2d.h"
#include "nets/extractor.h"

namespace purnet {

class Vgg16 : public Extractor {
public:
    explicit Vgg16(const Scope& scope);
    Levels operator()(const Tensor& image, Mode mode) const override;
    std::array<int64_t, 5> channels() const override { return {128, 256, 512, 512, 512}; }

private:
    std::vector<std::vector<Conv2d>> blocks_;
};

}  // namespace purnet
