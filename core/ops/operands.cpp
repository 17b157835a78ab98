#include "core/ops/operands.h"

#include "core/op.h"
#include "kernels/round_bf16/round_bf16.h"

namespace purnet::ops {

Tensor weight_for(const char* op, const Tensor& x, const Tensor& weight) {
    if (x.dtype() == weight.dtype()) return weight;
    require(x.dtype() == DType::bf16 && weight.dtype() == parameter_dtype(DType::bf16), op, ": the input is ", name_of(x.dtype()),
            " but its weight ", name_of(weight.dtype()));
    const round_bf16::Problem p{weight.count()};
    OpCall call;
    call.name = "round_bf16";
    call.inputs = {weight};
    call.outputs = {{.shape = weight.shape(), .dtype = DType::bf16, .gradient = weight.dtype()}};
    call.problem = p;
    call.forward = [p, key = x.key()](const Arguments& a, const Context& context) {
        round_bf16::table().get(&round_bf16::Kernels::forward, "forward", key)(p, a.in(0), a.out(), context);
    };
    call.backward = [](Gradients& g) { g.give(0, g.grad()); };
    call.passes_gradient = true;
    return apply_one(std::move(call));
}

}  // namespace purnet::ops
