// Max-pooling without parameters, in the forms of the backbones. Padding never wins a maximum.
#pragma once

#include "core/ops/pool.h"

namespace purnet {

// kernel x kernel windows every `stride` rows and columns, `padding` on all four sides.
inline Tensor max_pool(const Tensor& x, int kernel, int stride, int padding) {
    return ops::max_pool(x, {.kernel = kernel, .stride = stride, .pads = {padding, padding, padding, padding}});
}

// No padding but what lets the last window begin inside the input: ceil((n - kernel) / stride) + 1 outputs.
inline Tensor max_pool_ceiling(const Tensor& x, int kernel, int stride) {
    const auto extra = [&](int64_t n) {
        const int64_t outputs = n > kernel ? (n - kernel + stride - 1) / stride + 1 : 1;
        const int64_t missing = (outputs - 1) * stride + kernel - n;
        return static_cast<int>(missing > 0 ? missing : 0);
    };
    return ops::max_pool(x, {.kernel = kernel, .stride = stride, .pads = {0, 0, extra(x.size(1)), extra(x.size(2))}});
}

}  // namespace purnet
