#include "kernels/conv2d/conv2d_strided.h"

namespace purnet::conv2d::implicit {
namespace {

using cuda::cudnn::Direction;
using cuda::cudnn::Tensor;

// Of rows and columns of pixels whose channels lie together.
Tensor channels_last(int64_t pictures, int64_t rows, int64_t columns, int64_t channels, DType type) {
    return {{pictures, channels, rows, columns}, {rows * columns * channels, 1, columns * channels, channels}, type};
}

}  // namespace

cuda::cudnn::Convolution strided(const Problem& p, Pass pass, DType type) {
    const bool weights = pass == Pass::backward_weights;
    return {.direction = weights                       ? Direction::filter_gradient
                         : pass == Pass::backward_data ? Direction::data_gradient
                                                       : Direction::forward,
            .x = channels_last(p.n, p.h, p.w, p.c, type),
            .w = channels_last(p.o, p.kh, p.kw, p.c / p.groups, weights ? DType::f32 : type),
            .y = channels_last(p.n, p.out_h(), p.out_w(), p.o, type),
            .pads_before = {p.pads.top, p.pads.left},
            .pads_after = {p.pads.bottom, p.pads.right},
            .strides = {p.stride, p.stride},
            .dilations = {p.dilation, p.dilation}};
}

}  // namespace purnet::conv2d::implicit
