#include "core/ops/activation.h"

#include "core/op.h"

namespace purnet::ops {

Tensor activate(const Tensor& x, Activation function, const Tensor& slope) {
    if (function == Activation::none) return x;
    const char* name = name_of(function);
    const bool with_slope = function == Activation::prelu;
    require(static_cast<bool>(x), name, ": x is undefined");
    require(slope.defined() == with_slope, name, with_slope ? ": the slope is missing" : ": takes no slope");
    require(!slope || (slope.shape() == Shape{1} && slope.dtype() == parameter_dtype(x.dtype())), name, ": x is ", x.shape(),
            ", the slope must be one parameter but is ", slope ? slope.shape().text() : "");
    const activation::Problem p{.function = function, .count = x.count()};
    const Key key = x.key();
    OpCall call{.name = name,
                .inputs = {x, slope},
                .outputs = {{x.shape(), x.dtype()}},
                .forward =
                    [p, key](const Arguments& a, const Context& c) {
                        activation::table().get(&activation::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.out(), c);
                    },
                .backward =
                    [p, key, with_slope](Gradients& g) {
                        const Tensor dy = g.grad();
                        void* dx = g.destination(0);
                        void* dslope = with_slope ? g.destination(1) : nullptr;
                        if (!dx && !dslope) return;
                        const Block workspace(dy.device(), activation::workspace_bytes(p));
                        activation::table().get(&activation::Kernels::backward, "backward", key)(
                            p, (with_slope ? g.input(0) : g.output()).raw(), with_slope ? g.input(1).raw() : nullptr, dy.raw(), dx, dslope,
                            workspace.data(), g.context());
                    },
                .problem = p};
    if (with_slope)
        call.saved_inputs = {0, 1};
    else
        call.saved_outputs = {0};
    return apply_one(std::move(call));
}

Tensor relu(const Tensor& x) { return activate(x, Activation::relu); }
Tensor relu6(const Tensor& x) { return activate(x, Activation::relu6); }
Tensor sigmoid(const Tensor& x) { return activate(x, Activation::sigmoid); }
Tensor tanh(const Tensor& x) { return activate(x, Activation::tanh); }
Tensor prelu(const Tensor& x, const Tensor& slope) { return activate(x, Activation::prelu, slope); }

}  // namespace purnet::ops
