#include "core/ops/linear.h"

#include "core/op.h"
#include "core/ops/operands.h"
#include "kernels/linear/linear.h"

namespace purnet::ops {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    namespace room = purnet::linear;
    require(x && weight && x.shape().rank() == 2 && weight.shape().rank() == 2 && x.size(1) == weight.size(1), "linear: input ",
            x ? x.shape() : Shape(), " and weight ", weight ? weight.shape() : Shape(), " must be N,I and O,I");
    require(!bias || bias.shape() == Shape{weight.size(0)}, "linear: bias ", bias ? bias.shape() : Shape(), " does not fit weight ",
            weight.shape());
    const room::Problem p{x.size(0), x.size(1), weight.size(0)};
    require(p.n > 0 && p.i > 0 && p.o > 0, "linear: input ", x.shape(), " or weight ", weight.shape(), " has an empty axis");
    const Key key = x.key();
    OpCall call;
    call.name = "linear";
    call.inputs = {x, weight_for("linear", x, weight), bias};
    call.outputs = {{Shape{p.n, p.o}, x.dtype()}};
    call.workspace = room::workspace(key, p, room::Pass::forward);
    call.saved_inputs = {0, 1};
    call.problem = p;
    call.forward = [p, key](const Arguments& a, const Context& context) {
        room::table().get(&room::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in(2), a.out(), a.workspace(), context);
    };
    call.backward = [p, key](Gradients& g) {
        const Context context = g.context();
        const Tensor dy = g.grad();
        if (void* dx = g.destination(0)) {
            const Block workspace(context.device, room::workspace(key, p, room::Pass::backward_data));
            room::table().get(&room::Kernels::backward_data, "backward_data", key)(p, dy.raw(), g.input(1).raw(), dx, workspace.data(),
                                                                                   context);
        }
        void* dweight = g.destination(1);
        void* dbias = g.destination(2);
        if (dweight || dbias) {
            const Block workspace(context.device, room::workspace(key, p, room::Pass::backward_weights));
            room::table().get(&room::Kernels::backward_weights, "backward_weights", key)(p, g.input(0).raw(), dy.raw(), dweight, dbias,
                                                                                         workspace.data(), context);
        }
    };
    return apply_one(std::move(call));
}

}  // namespace purnet::ops
