// What several ops ask of their operands.
#pragma once

#include <memory>

#include "core/op.h"
#include "kernels/runtime/table.h"

namespace purnet::ops {

// The weight as a kernel for x's type reads it: itself where the types agree; beside bf16 activations, whose weights are kept in
// float32 as all parameters are, its values rounded to the nearest bf16. What comes back to that copy is the parameter's own gradient,
// in float32, unchanged: rounding counts as the identity. Other types are an Error, since a kernel takes both through pointers of one.
// Source: master weights of Micikevicius et al., Mixed Precision Training, section 3.1.
Tensor weight_for(const char* op, const Tensor& x, const Tensor& weight);

// The backward of an op of an input, a weight and a bias (0, 1, 2), the first two saved: convolutions and linear layers. bytes(pass): the
// workspace of a room's Pass. data(dy, weight, dx, workspace, context): the data gradient, where it is not the table's. The gradient of
// the input is wanted by the op before, those of weight and bias at the end: two halves.
template <class Pass, class Kernels, class Problem, class Bytes, class Data>
void weighted_backward(Gradients& g, const Table<Kernels>& table, const Problem& p, Key key, const Bytes& bytes, const Data& data) {
    const Context context = g.context();
    const Tensor dy = g.grad();
    void* const dx = g.destination(0);
    void* const dweight = g.destination(1);
    void* const dbias = g.destination(2);
    const auto first = [&] {
        if (!dx) return;
        const Block workspace(context.device, bytes(Pass::backward_data));
        data(dy.raw(), g.input(1).raw(), dx, workspace.data(), context);
    };
    if (!dweight && !dbias) return first();
    g.in_halves(first, {1, 2}, [&]() -> Gradients::Launches {
        const auto kernel = table.get(&Kernels::backward_weights, "backward_weights", key);
        const auto workspace = std::make_shared<Block>(context.device, bytes(Pass::backward_weights));
        return [=, x = g.input(0)](const Context& on) { kernel(p, x.raw(), dy.raw(), dweight, dbias, workspace->data(), on); };
    });
}
template <class Pass, class Kernels, class Problem, class Bytes>
void weighted_backward(Gradients& g, const Table<Kernels>& table, const Problem& p, Key key, const Bytes& bytes) {
    weighted_backward<Pass>(g, table, p, key, bytes, [&](const void* dy, const void* weight, void* dx, void* workspace, const Context& on) {
        table.get(&Kernels::backward_data, "backward_data", key)(p, dy, weight, dx, workspace, on);
    });
}

}  // namespace purnet::ops
