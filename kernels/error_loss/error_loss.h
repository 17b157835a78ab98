// The loss of the error map (PurNet, equations 8 and 9), value and gradient in one pass, i < count:
//     t = (g - sigmoid(zo) + 1) / 2     the target: how far the object map is from the mask; a constant
//     p = sigmoid(2 ze) = (tanh(ze) + 1) / 2
//     bce      loss = mean of -t ln p - (1 - t) ln(1 - p)        dze = 2 (p - t) / count
//     kl       loss = mean of t ln(t / p)                        dze = -2 t (1 - p) / count
//     entropy  the target's: mean of -t ln t - (1 - t) ln(1 - t), the floor of bce; no gradient
// with 0 ln 0 = 0. 1 - t is taken as ((1 - g) + sigmoid(zo)) / 2 and t as (g + sigmoid(-zo)) / 2: nothing cancels.
// ze, zo, g: activations; loss: one parameter; dze: parameters, as they are still to be multiplied by the upstream
// gradient; may be null. Sums in float64 over blocks fixed by count.
// Workspace: workspace_bytes(count). Bytes: 3 to 4 elements of count; about 80 FLOP each.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::error_loss {

enum class Form { bce, kl };

struct Problem {
    int64_t count = 0;
    Form form = Form::bce;
};

struct Kernels {
    void (*forward)(const Problem&, const void* ze, const void* zo, const void* g, void* loss, void* dze, void* workspace,
                    const Context&) = nullptr;
    void (*entropy)(int64_t count, const void* zo, const void* g, void* entropy, void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(int64_t count);

}  // namespace purnet::error_loss
