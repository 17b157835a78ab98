// Pooling of N,H,W,C; formulas in kernels/pool/pool.h. Output sizes: (H + top + bottom - kernel) / stride + 1, rounded down.
#pragma once

#include "core/ops/conv2d.h"

namespace purnet::ops {

struct PoolOptions {
    int kernel = 2;
    int stride = 2;
    Pads pads = {};  // each below kernel
};

Tensor max_pool(const Tensor& x, const PoolOptions& options);  // padding never wins; saves one byte an output element
Tensor avg_pool(const Tensor& x, const PoolOptions& options);  // padding does not count
Tensor global_avg_pool(const Tensor& x);                       // N,C

}  // namespace purnet::ops
