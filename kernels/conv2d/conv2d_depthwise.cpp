#include "kernels/conv2d/conv2d_depthwise.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_depthwise_simd.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::depthwise {
namespace {

constexpr int64_t most_blocks = 32;

DepthwiseShape shape_of(const Problem& p) {
    return {p.h, p.w, p.c, p.out_h(), p.out_w(), p.kh, p.kw, p.stride, p.dilation, p.pads.top, p.pads.left};
}

// [c][tap] -> [tap][c]; the block comes from the allocator's cache after the first call.
Block turned(const Problem& p, const float* weight) {
    const int64_t taps = p.kh * p.kw;
    Block block(Device{}, static_cast<size_t>(p.weight_count()) * sizeof(float));
    auto* to = static_cast<float*>(block.data());
    for (int64_t c = 0; c < p.c; ++c)
        for (int64_t t = 0; t < taps; ++t) to[t * p.c + c] = weight[c * taps + t];
    return block;
}

}  // namespace

void forward(const Problem& p, const float* x, const float* weight, const float* bias, float* y) {
    const Block taps = turned(p, weight);
    const DepthwiseShape shape = shape_of(p);
    const auto rows = PURNET_PICK(depthwise_forward_rows);
    parallel_for(p.n * p.out_h(), 1,
                 [&](int64_t begin, int64_t end) { rows(shape, x, static_cast<const float*>(taps.data()), bias, y, begin, end); });
}

void backward_data(const Problem& p, const float* dy, const float* weight, const float* bias, float* dx) {
    const Block taps = turned(p, weight);
    const DepthwiseShape shape = shape_of(p);
    const auto rows = PURNET_PICK(depthwise_backward_data_rows);
    parallel_for(p.n * p.h, 1,
                 [&](int64_t begin, int64_t end) { rows(shape, dy, static_cast<const float*>(taps.data()), bias, dx, begin, end); });
}

void backward_weights(const Problem& p, const float* x, const float* dy, float* dweight) {
    const DepthwiseShape shape = shape_of(p);
    const int64_t rows = p.n * p.out_h(), blocks = std::min(rows, most_blocks), size = p.weight_count(), taps = p.kh * p.kw;
    const Block sums(Device{}, static_cast<size_t>(blocks * size) * sizeof(float));
    auto* partial = static_cast<float*>(sums.data());
    const auto add_rows = PURNET_PICK(depthwise_backward_weights_rows);
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            std::fill_n(partial + b * size, size, 0.0f);
            add_rows(shape, x, dy, partial + b * size, rows * b / blocks, rows * (b + 1) / blocks);
        }
    });
    parallel_for(p.c, 64, [&](int64_t begin, int64_t end) {
        for (int64_t c = begin; c < end; ++c)
            for (int64_t t = 0; t < taps; ++t) {
                double sum = 0;
                for (int64_t b = 0; b < blocks; ++b) sum += static_cast<double>(partial[b * size + t * p.c + c]);
                dweight[c * taps + t] = static_cast<float>(sum);
            }
    });
}

}  // namespace purnet::conv2d::depthwise
