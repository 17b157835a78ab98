// EfficientNet-Lite0 without its head, for CPUs and small devices. Every convolution has "SAME" padding; a block is
//
//     1x1 expansion, BN, ReLU6 (absent where the expansion is 1); depthwise, BN, ReLU6; 1x1 projection, BN;
//     plus its input where it is not the first of its row.
//
// Block 11 keeps its resolution here, and the depthwise convolutions of blocks 12 .. 15 have dilation 2 instead. Levels: block 0
// through max-pool 3x3 stride 2 pad 1 (16, H/4), blocks 2 (24, H/4), 4 (40, H/8), 10 (112, H/16), 15 (320, H/16).
// Input: (RGB - 127) / 128. BN eps 1e-3. Names: `lite0.` and those of the PyTorch package.
// Source: Tan, Le, "EfficientNet", ICML 2019, and the TensorFlow repository's lite variants.
#pragma once

#include <optional>
#include <vector>

#include "layers/conv2d.h"
#include "nets/extractor.h"

namespace purnet {

class MobileBlock {
public:
    struct Form {
        int64_t in = 0, out = 0;
        int expansion = 6;
        int kernel = 3;
        int stride = 1;
        int dilation = 1;
        bool residual = false;
        double momentum = 0.1;
    };

    MobileBlock(const Scope& scope, const Form& form);
    Tensor operator()(const Tensor& x, Mode mode) const;

private:
    struct Expansion {
        Conv2d conv;
        BatchNorm2d norm;
    };

    bool residual_;
    std::optional<Expansion> expand_;
    Conv2d depthwise_;
    BatchNorm2d bn1_;
    Conv2d project_;
    BatchNorm2d bn2_;
};

class Lite0 : public Extractor {
public:
    // momentum: of the running statistics; 0.01 continues statistics that a file brought.
    Lite0(const Scope& scope, double momentum);
    Levels operator()(const Tensor& image, Mode mode) const override;
    std::array<int64_t, 5> channels() const override { return {16, 24, 40, 112, 320}; }

private:
    Conv2d stem_;
    BatchNorm2d stem_norm_;
    std::vector<MobileBlock> blocks_;
};

}  // namespace purnet
