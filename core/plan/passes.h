// Rewrites of a traced graph. Without narrow forms each keeps the value of every output up to float32 rounding.
#pragma once

#include "core/plan/graph.h"
#include "core/plan/narrow.h"
#include "core/plan/packed_weights.h"

namespace purnet {

// conv2d or conv_transpose2d -> batch norm (running statistics) -> activation, with the sums before and after it: one step with
// packed weights. Batch norm folds as w' = w s, b' = (b - mean) s + beta with s = gamma / sqrt(var + eps), in float64. A
// convolution with an activation alone, or with nothing, is packed likewise; weights that a network in bf16 rounds are folded before that.
// Left as they are: convolutions whose result has several readers (but for the packing), and those whose twin cannot pack.
// With narrow forms, convolutions read those where they can (narrow.h). give_back: weights that only the graph held go back to the system
// as soon as they are packed. kept: what an equal graph's convolutions have packed, and the weights are absent. Returns how many were
// packed.
int fuse_convolutions(Graph& graph, Device device, const NarrowForms& forms = {}, bool give_back = false,
                      const PackedWeights* kept = nullptr);

// All that was measured of a convolution (conv2d_key.h) in this type: "measured: cuda bf16 wgmma 128x64", "measured: winograd 4x4 avx512 2
// threads". Empty: nothing.
std::string measured(const std::string& convolution, const Key& key);

// Steps that read constants alone (copies of weights in bf16) are run once, here: their outputs become constants, absent where an
// input is.
void compute_constants(Graph& graph, Device device);

}  // namespace purnet
