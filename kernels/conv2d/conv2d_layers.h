// Every distinct convolution of the networks on a 320 x 320 picture, for records and benchmarks.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d {

struct Layer {
    std::string name;  // where it stands: "layer3.0.conv2"
    Problem problem;
    bool bias = false;
    int uses = 1;  // how many times level-1 inference of the default network runs it (0: another network)
};

// size x size to size / stride: k x k taps of maps padded by half of their reach.
inline Problem square_layer(int64_t batch, int64_t size, int64_t c, int64_t o, int64_t k, int stride = 1, int dilation = 1) {
    const int pad = static_cast<int>(k / 2) * dilation;
    return {.n = batch,
            .h = size,
            .w = size,
            .c = c,
            .o = o,
            .kh = k,
            .kw = k,
            .stride = stride,
            .pads = {pad, pad, pad, pad},
            .dilation = dilation};
}

inline std::vector<Layer> network_layers(int64_t batch = 1) {
    const auto conv = [batch](int64_t size, int64_t c, int64_t o, int64_t k, int stride = 1, int dilation = 1) {
        return square_layer(batch, size, c, o, k, stride, dilation);
    };
    // "SAME": total = max((ceil(n/s) - 1) s + (k-1) d + 1 - n, 0), floor of half before.
    const auto same = [batch](int64_t size, int64_t c, int64_t o, int64_t k, int stride, int dilation, int64_t groups) {
        const int total =
            static_cast<int>(std::max<int64_t>(((size + stride - 1) / stride - 1) * stride + (k - 1) * dilation + 1 - size, 0));
        return Problem{.n = batch,
                       .h = size,
                       .w = size,
                       .c = c,
                       .o = o,
                       .kh = k,
                       .kw = k,
                       .stride = stride,
                       .pads = {total / 2, total / 2, total - total / 2, total - total / 2},
                       .dilation = dilation,
                       .groups = static_cast<int>(groups)};
    };
    return {
        // ResNet-50, dilated (spec 1.1).
        {"layer0.0", conv(320, 3, 64, 7, 2)},
        {"layer1.0.conv1", conv(80, 64, 64, 1)},
        {"layer1.*.conv2", conv(80, 64, 64, 3), false, 3},
        {"layer1.*.conv3", conv(80, 64, 256, 1), false, 4},
        {"layer1.*.conv1", conv(80, 256, 64, 1), false, 2},
        {"layer2.0.conv1", conv(80, 256, 128, 1)},
        {"layer2.0.conv2", conv(80, 128, 128, 3, 2)},
        {"layer2.*.conv3", conv(40, 128, 512, 1), false, 4},
        {"layer2.0.downsample", conv(80, 256, 512, 1, 2)},
        {"layer2.*.conv1", conv(40, 512, 128, 1), false, 3},
        {"layer2.*.conv2", conv(40, 128, 128, 3), false, 3},
        {"layer3.0.conv1", conv(40, 512, 256, 1)},
        {"layer3.0.conv2", conv(40, 256, 256, 3, 2, 2)},
        {"layer3.*.conv3", conv(20, 256, 1024, 1), false, 6},
        {"layer3.0.downsample", conv(40, 512, 1024, 1, 2)},
        {"layer3.*.conv1", conv(20, 1024, 256, 1), false, 5},
        {"layer3.*.conv2", conv(20, 256, 256, 3, 1, 2), false, 5},
        {"layer4.0.conv1", conv(20, 1024, 512, 1)},
        {"layer4.*.conv2", conv(20, 512, 512, 3, 1, 4), false, 3},
        {"layer4.*.conv3", conv(20, 512, 2048, 1), false, 3},
        {"layer4.0.downsample", conv(20, 1024, 2048, 1)},
        {"layer4.*.conv1", conv(20, 2048, 512, 1), false, 2},
        // Decoders at width 128 (spec 1.2 - 1.5).
        {"convert1", conv(80, 64, 128, 1), true, 3},
        {"convert2", conv(80, 256, 128, 1), true, 3},
        {"convert3", conv(40, 512, 128, 1), true, 3},
        {"convert4", conv(20, 1024, 128, 1), true, 3},
        {"convert5", conv(20, 2048, 128, 1), true, 3},
        {"feature_upscore2", conv(80, 128, 128, 3), true, 9},
        {"feature_upscore3", conv(40, 128, 128, 3), true, 3},
        {"feature_upscore4", conv(20, 128, 128, 3), true, 6},
        {"predict.3", conv(80, 128, 128, 1), true, 3},
        {"predict.6", conv(80, 128, 1, 1), true, 1},
        // EfficientNet-Lite0 (spec 1.1).
        {"lite0._conv_stem", same(320, 3, 32, 3, 2, 1, 1), false, 0},
        {"lite0._blocks.0 depthwise", same(160, 32, 32, 3, 1, 1, 32), false, 0},
        {"lite0._blocks.0 projection", same(160, 32, 16, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.1 expansion", same(160, 16, 96, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.1 depthwise", same(160, 96, 96, 3, 2, 1, 96), false, 0},
        {"lite0._blocks.1 projection", same(80, 96, 24, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.2 expansion", same(80, 24, 144, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.2 depthwise", same(80, 144, 144, 3, 1, 1, 144), false, 0},
        {"lite0._blocks.2 projection", same(80, 144, 24, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.3 depthwise", same(80, 144, 144, 5, 2, 1, 144), false, 0},
        {"lite0._blocks.3 projection", same(40, 144, 40, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.4 expansion", same(40, 40, 240, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.4 depthwise", same(40, 240, 240, 5, 1, 1, 240), false, 0},
        {"lite0._blocks.5 depthwise", same(40, 240, 240, 3, 2, 1, 240), false, 0},
        {"lite0._blocks.5 projection", same(20, 240, 80, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.6 expansion", same(20, 80, 480, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.6 depthwise", same(20, 480, 480, 3, 1, 1, 480), false, 0},
        {"lite0._blocks.8 depthwise", same(20, 480, 480, 5, 1, 1, 480), false, 0},
        {"lite0._blocks.9 expansion", same(20, 112, 672, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.9 depthwise", same(20, 672, 672, 5, 1, 1, 672), false, 0},
        {"lite0._blocks.11 projection", same(20, 672, 192, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.12 expansion", same(20, 192, 1152, 1, 1, 1, 1), false, 0},
        {"lite0._blocks.12 depthwise", same(20, 1152, 1152, 5, 1, 2, 1152), false, 0},
        {"lite0._blocks.15 depthwise", same(20, 1152, 1152, 3, 1, 2, 1152), false, 0},
        {"lite0._blocks.15 projection", same(20, 1152, 320, 1, 1, 1, 1), false, 0},
        // VGG-16.
        {"vgg.features.0", conv(320, 3, 64, 3), true, 0},
        {"vgg.features.2", conv(320, 64, 64, 3), true, 0},
        {"vgg.features.7", conv(160, 128, 128, 3), true, 0},
        {"vgg.features.12", conv(80, 256, 256, 3), true, 0},
        {"vgg.features.19", conv(40, 512, 512, 3), true, 0},
    };
}

}  // namespace purnet::conv2d
