#include "nets/lite0.h"

#include "layers/pool.h"

namespace purnet {
namespace {

constexpr Activation relu6 = Activation::relu6;
constexpr double eps = 1e-3;
constexpr int first_dilated = 12;  // the block behind the one that lost its stride

struct Row {
    int expansion, kernel, stride;
    int64_t channels;
    int repeats;
};
constexpr Row rows[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                        {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};

std::vector<MobileBlock> make_blocks(const Scope& scope, double momentum) {
    std::vector<MobileBlock> blocks;
    int64_t in = 32;
    for (const Row& row : rows)
        for (int repeat = 0; repeat < row.repeats; ++repeat) {
            const int number = static_cast<int>(blocks.size());
            blocks.emplace_back(scope / number, MobileBlock::Form{.in = in,
                                                                  .out = row.channels,
                                                                  .expansion = row.expansion,
                                                                  .kernel = row.kernel,
                                                                  .stride = repeat == 0 && number != first_dilated - 1 ? row.stride : 1,
                                                                  .dilation = number >= first_dilated ? 2 : 1,
                                                                  .residual = repeat > 0,
                                                                  .momentum = momentum});
            in = row.channels;
        }
    return blocks;
}

}  // namespace

MobileBlock::MobileBlock(const Scope& scope, const Form& f)
    : residual_(f.residual),
      expand_(f.expansion == 1
                  ? std::nullopt
                  : std::optional(
                        Expansion{Conv2d(scope / "_expand_conv", {.in = f.in, .out = f.in * f.expansion}),
                                  BatchNorm2d(scope / "_bn0",
                                              {.channels = f.in * f.expansion, .eps = eps, .momentum = f.momentum, .activation = relu6})})),
      depthwise_(scope / "_depthwise_conv", {.in = f.in * f.expansion,
                                             .out = f.in * f.expansion,
                                             .kernel = f.kernel,
                                             .stride = f.stride,
                                             .dilation = f.dilation,
                                             .groups = static_cast<int>(f.in * f.expansion),
                                             .same = true}),
      bn1_(scope / "_bn1", {.channels = f.in * f.expansion, .eps = eps, .momentum = f.momentum, .activation = relu6}),
      project_(scope / "_project_conv", {.in = f.in * f.expansion, .out = f.out}),
      bn2_(scope / "_bn2", {.channels = f.out, .eps = eps, .momentum = f.momentum}) {}

Tensor MobileBlock::operator()(const Tensor& x, Mode mode) const {
    Tensor y = expand_ ? expand_->norm(expand_->conv, x, mode) : x;
    y = bn1_(depthwise_, y, mode);
    return bn2_(project_, y, mode, {.after = residual_ ? x : Tensor()});
}

Lite0::Lite0(const Scope& scope, double momentum)
    : stem_(scope / "lite0" / "_conv_stem", {.in = 3, .out = 32, .kernel = 3, .stride = 2, .same = true}),
      stem_norm_(scope / "lite0" / "_bn0", {.channels = 32, .eps = eps, .momentum = momentum, .activation = relu6}),
      blocks_(make_blocks(scope / "lite0" / "_blocks", momentum)) {}

Levels Lite0::operator()(const Tensor& image, Mode mode) const {
    constexpr size_t taken[] = {0, 2, 4, 10, 15};
    Levels levels;
    Tensor x = stem_norm_(stem_, image, mode);
    size_t level = 0;
    for (size_t b = 0; b < blocks_.size(); ++b) {
        x = blocks_[b](x, mode);
        if (b == taken[level]) levels[level++] = b == 0 ? max_pool(x, 3, 2, 1) : x;
    }
    return levels;
}

}  // namespace purnet
