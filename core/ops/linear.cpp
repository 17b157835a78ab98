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
        weighted_backward<room::Pass>(g, room::table(), p, key, [&](room::Pass pass) { return room::workspace(key, p, pass); });
    };
    return apply_one(std::move(call));
}

}  // namespace purnet::ops
