// Rewrites of a traced graph. Without ranges each keeps the value of every output up to float32 rounding.
#pragma once

#include "core/plan/graph.h"
#include "core/plan/ranges.h"

namespace purnet {

// conv2d or conv_transpose2d -> batch norm (running statistics) -> activation, with the sums before and after it: one step with
// packed weights. Batch norm folds as w' = w s, b' = (b - mean) s + beta with s = gamma / sqrt(var + eps), in float64. A
// convolution with an activation alone, or with nothing, is packed likewise. Left as they are: convolutions whose result has
// several readers (but for the packing), and those of a device whose twin cannot pack.
// With ranges, convolutions whose input has one run in 8 bits where they can (eight_bit.h).
void fuse_convolutions(Graph& graph, Device device, const Ranges* ranges = nullptr);

}  // namespace purnet
