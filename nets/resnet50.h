// ResNet-50 in the torchvision form (a block's stride on its 3x3 convolution), the last two stages dilated instead of shrunk:
//
//     level  name    what                                                             size   channels
//     1      layer0  7x7 stride 2 pad 3, BN, ReLU, max-pool 3x3 stride 2 pad 1        H/4    64
//     2      layer1  3 bottlenecks                                                    H/4    256
//     3      layer2  4 bottlenecks, stride 2                                          H/8    512
//     4      layer3  6 bottlenecks, stride 2, 3x3 with dilation 2                     H/16   1024
//     5      layer4  3 bottlenecks, 3x3 with dilation 4                               H/16   2048
//
// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
#pragma once

#include <optional>
#include <vector>

#include "layers/conv2d.h"
#include "nets/extractor.h"

namespace purnet {

// relu(x' + bn3(conv1x1(relu(bn2(conv3x3(relu(bn1(conv1x1(x))))))))), x' = x or its projection.
class Bottleneck {
public:
    struct Form {
        int64_t in = 0, planes = 0;  // 4 * planes channels leave
        int stride = 1;
        int dilation = 1;
        bool project = false;
    };

    Bottleneck(const Scope& scope, const Form& form);
    Tensor operator()(const Tensor& x, Mode mode) const;

private:
    struct Projection {
        Conv2d conv;
        BatchNorm2d norm;
    };

    Conv2d conv1_;
    BatchNorm2d bn1_;
    Conv2d conv2_;
    BatchNorm2d bn2_;
    Conv2d conv3_;
    BatchNorm2d bn3_;
    std::optional<Projection> downsample_;
};

class ResNet50 : public Extractor {
public:
    explicit ResNet50(const Scope& scope);
    Levels operator()(const Tensor& image, Mode mode) const override;
    std::array<int64_t, 5> channels() const override { return {64, 256, 512, 1024, 2048}; }

private:
    Conv2d stem_;
    BatchNorm2d stem_norm_;
    std::array<std::vector<Bottleneck>, 4> stages_;
};

}  // namespace purnet
