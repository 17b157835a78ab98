// Binary cross-entropy on logits with an optional weight, value and gradient in one pass, i < count:
//     b(z, g) = -g ln p - (1 - g) ln(1 - p),  p = 1 / (1 + e^-z)       computed as ln(1 + e^-|z|) + g max(-z, 0) + (1 - g) max(z, 0)
//     loss    = (1 / count) sum_i w_i b(z_i, g_i)
//     weight  none: w = 1;  fixed: w = 1 + |tanh ze|, a constant;  flowing: the same, and ze has a gradient
//     dz_i    = w_i (p - g) / count                computed as (1 - g) p - g (1 - p): relatively exact for g = 0 and g = 1
//     dze_i   = b_i sign(ze_i) (1 - tanh^2 ze_i) / count    (flowing)
//     clamp   p is limited to [1e-4, 1 - 1e-4] in b; dz is 0 where it was (PurNet's published code)
// PurNet equations 3, 7, 12, 13. z, g, ze: activations; g in [0, 1], any grey; loss: one parameter; dz, dze: parameters, as they are still
// to be multiplied by the upstream gradient. ze null for none; dz, dze may be null. dz may be z, dze may be ze, where the types agree. The
// sum is taken in float64 over blocks fixed by count. Workspace: workspace_bytes(count). Bytes: 2 to 5 elements of count; about 60 FLOP
// each.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::bce {

enum class Weight { none, fixed, flowing };

struct Problem {
    int64_t count = 0;
    Weight weight = Weight::none;
    bool clamp = false;
};

inline constexpr double clamp_margin = 1e-4;

struct Kernels {
    void (*forward)(const Problem&, const void* z, const void* g, const void* ze, void* loss, void* dz, void* dze, void* workspace,
                    const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(int64_t count);

}  // namespace purnet::bce
