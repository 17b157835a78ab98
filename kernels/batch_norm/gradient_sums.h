// What a kernel that makes dy, the gradient of a batch norm's result, can say of it in passing, so that the backward need not read it for
// its sums. The rows are cut into parts of 64 (moments.h), whichever tiles the kernel works in. Of part t, with rows r = 64 t ..
// min(64 t + 64, rows) - 1 and h, u, g of batch_norm.h, without `before`:
//
//     sums[0,t,c] = sum over r of g[r,c]
//     sums[1,t,c] = sum over r of g[r,c] h[r,c]
//     sums[2,t,c] = sum over r of dy[r,c] min(u[r,c], 0)      act = prelu; else 0
//
// dy as it was stored, rounded to its type. Parameters, {3, parts, C}: 12 bytes for each 64 elements.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/batch_norm/moments.h"

namespace purnet::batch_norm {

// The batch norm whose result's gradient that is: batch_norm.h's operands of those names.
struct NormOperands {
    Activation activation = Activation::none;
    const void* x = nullptr;
    const void* gamma = nullptr;
    const void* beta = nullptr;
    const void* mean = nullptr;
    const void* inverse = nullptr;
    const void* slope = nullptr;  // null but for prelu
};

// By a pass over dy, on the CPU in float32: for twins that have nothing in passing.
void gradient_sums(const NormOperands& norm, int64_t rows, int64_t channels, const float* dy, float* sums);

}  // namespace purnet::batch_norm
