#include "nets/resnet50.h"

#include "layers/pool.h"

namespace purnet {
namespace {

constexpr Activation relu = Activation::relu;

std::vector<Bottleneck> stage(const Scope& scope, int64_t in, int64_t planes, int blocks, int stride, int dilation) {
    std::vector<Bottleneck> list;
    list.reserve(static_cast<size_t>(blocks));
    for (int b = 0; b < blocks; ++b)
        list.emplace_back(
            scope / b,
            Bottleneck::Form{
                .in = b == 0 ? in : 4 * planes, .planes = planes, .stride = b == 0 ? stride : 1, .dilation = dilation, .project = b == 0});
    return list;
}

}  // namespace

Bottleneck::Bottleneck(const Scope& scope, const Form& f)
    : conv1_(scope / "conv1", {.in = f.in, .out = f.planes}),
      bn1_(scope / "bn1", {.channels = f.planes, .activation = relu}),
      conv2_(scope / "conv2",
             {.in = f.planes, .out = f.planes, .kernel = 3, .stride = f.stride, .padding = f.dilation, .dilation = f.dilation}),
      bn2_(scope / "bn2", {.channels = f.planes, .activation = relu}),
      conv3_(scope / "conv3", {.in = f.planes, .out = 4 * f.planes}),
      bn3_(scope / "bn3", {.channels = 4 * f.planes, .activation = relu}) {
    if (!f.project) return;
    const Scope projection = scope / "downsample";
    downsample_.emplace(Projection{Conv2d(projection / 0, {.in = f.in, .out = 4 * f.planes, .stride = f.stride}),
                                   BatchNorm2d(projection / 1, {.channels = 4 * f.planes})});
}

Tensor Bottleneck::operator()(const Tensor& x, Mode mode) const {
    const Tensor y = bn2_(conv2_, bn1_(conv1_, x, mode), mode);
    const Tensor shortcut = downsample_ ? downsample_->norm(downsample_->conv, x, mode) : x;
    return bn3_(conv3_, y, mode, {.before = shortcut});
}

ResNet50::ResNet50(const Scope& scope)
    : stem_(scope / "layer0" / 0, {.in = 3, .out = 64, .kernel = 7, .stride = 2, .padding = 3}),
      stem_norm_(scope / "layer0" / 1, {.channels = 64, .activation = relu}),
      stages_{stage(scope / "layer1", 64, 64, 3, 1, 1), stage(scope / "layer2", 256, 128, 4, 2, 1),
              stage(scope / "layer3", 512, 256, 6, 2, 2), stage(scope / "layer4", 1024, 512, 3, 1, 4)} {}

Levels ResNet50::operator()(const Tensor& image, Mode mode) const {
    Levels levels;
    levels[0] = max_pool(stem_norm_(stem_, image, mode), 3, 2, 1);
    for (size_t i = 0; i < stages_.size(); ++i) {
        Tensor x = levels[i];
        for (const Bottleneck& block : stages_[i]) x = block(x, mode);
        levels[i + 1] = x;
    }
    return levels;
}

}  // namespace purnet
