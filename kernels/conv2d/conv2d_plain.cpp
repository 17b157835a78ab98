#include "kernels/conv2d/conv2d_plain.h"

#include "kernels/conv2d/conv2d_plain_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::plain {

void forward(const Problem& problem, const float* x, const float* weight, const float* bias, float* y) {
    const auto rows = PURNET_PICK(plain_forward_rows);
    parallel_for(problem.n * problem.out_h(), 1, [&](int64_t begin, int64_t end) { rows(problem, x, weight, bias, y, begin, end); });
}

void backward_data(const Problem& problem, const float* dy, const float* weight, const float* bias, float* dx) {
    const auto rows = PURNET_PICK(plain_backward_data_rows);
    parallel_for(problem.n * problem.h, 1, [&](int64_t begin, int64_t end) { rows(problem, dy, weight, bias, dx, begin, end); });
}

void backward_weights(const Problem& problem, const float* x, const float* dy, float* dweight) {
    const auto units = PURNET_PICK(plain_backward_weights_units);
    parallel_for(problem.o * problem.kh * problem.kw, 1, [&](int64_t begin, int64_t end) { units(problem, x, dy, dweight, begin, end); });
}

void backward_bias(int64_t pixels, int64_t o, const float* dy, float* dbias) {
    const auto channels = PURNET_PICK(plain_backward_bias);
    parallel_for(o, 64, [&](int64_t begin, int64_t end) { channels(pixels, o, dy, dbias, begin, end); });
}

}  // namespace purnet::conv2d::plain
