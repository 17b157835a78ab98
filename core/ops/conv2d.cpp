#include "core/ops/conv2d.h"

#include "core/op.h"
#include "core/ops/operands.h"
#include "kernels/batch_norm/moments.h"

namespace purnet::ops {
namespace {
namespace room = purnet::conv2d;

room::Problem problem_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
    require(x && weight, "conv2d: input or weight is undefined");
    const Shape &in = x.shape(), &filter = weight.shape();
    require(in.rank() == 4 && filter.rank() == 4, "conv2d: input ", in, " and weight ", filter, " must be N,H,W,C and O,kH,kW,C/groups");
    require(options.groups > 0 && in[3] == filter[3] * options.groups, "conv2d: input ", in, " has ", in[3], " channels, weight ", filter,
            " in ", options.groups, " group(s) reads ", filter[3] * options.groups);
    require(!bias || bias.shape() == Shape{filter[0]}, "conv2d: bias ", bias ? bias.shape() : Shape(), " does not fit weight ", filter);
    room::Problem p;
    p.n = in[0], p.h = in[1], p.w = in[2], p.c = in[3];
    p.o = filter[0], p.kh = filter[1], p.kw = filter[2];
    p.stride = options.stride, p.pads = options.pads, p.dilation = options.dilation, p.groups = options.groups;
    room::check(p);
    return p;
}

// Where the input is the result of a batch norm that nobody else reads, its sums are taken in passing.
void backward(const room::Problem& p, Key key, Gradients& g) {
    const room::Kernels* kernels = room::table().find(key);
    std::any wanted;
    if (kernels && kernels->gives_gradient_sums && g.wanted(0)) wanted = g.sums_wanted(0);
    if (wanted.has_value() && !kernels->gives_gradient_sums(p)) wanted.reset();  // asked last: it may measure
    const auto* norm = std::any_cast<purnet::batch_norm::NormOperands>(&wanted);
    weighted_backward<room::Pass>(
        g, room::table(), p, key, [&](room::Pass pass) { return room::workspace(key, p, pass); },
        [&](const void* dy, const void* weight, void* dx, void* workspace, const Context& context) {
            if (!norm) return room::table().get(&room::Kernels::backward_data, "backward_data", key)(p, dy, weight, dx, workspace, context);
            const Tensor sums =
                Tensor::empty({3, batch_norm::moment_parts(p.n * p.h * p.w), p.c}, parameter_dtype(key.dtype), context.device);
            room::table().get(&room::Kernels::backward_data_sums, "backward_data_sums", key)(p, dy, weight, *norm, dx, sums.raw(),
                                                                                             workspace, context);
            g.give_sums(0, sums);
        });
}

OpCall call_of(const room::Problem& p, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Key key = x.key();
    OpCall call;
    call.name = "conv2d";
    call.inputs = {x, weight_for("conv2d", x, weight), bias};
    call.outputs = {{Shape{p.n, p.out_h(), p.out_w(), p.o}, x.dtype()}};
    call.workspace = WorkspaceBytes([p, key] { return room::workspace(key, p, room::Pass::forward); });
    call.saved_inputs = {0, 1};
    call.problem = p;
    call.forward = [p, key](const Arguments& a, const Context& context) {
        room::table().get(&room::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in(2), a.out(), a.workspace(), context);
    };
    call.backward = [p, key](Gradients& g) { backward(p, key, g); };
    return call;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
    return apply_one(call_of(problem_of(x, weight, bias, options), x, weight, bias));
}

WithMoments conv2d_with_moments(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
    const room::Problem p = problem_of(x, weight, bias, options);
    const Key key = x.key();
    OpCall call = call_of(p, x, weight, bias);
    const room::Kernels* kernels = room::table().find(key);
    if (!kernels || !kernels->gives_moments || !kernels->gives_moments(p, bias.defined())) return {apply_one(std::move(call)), {}};
    call.outputs.push_back({{3, batch_norm::moment_parts(p.n * p.out_h() * p.out_w()), p.o}, parameter_dtype(x.dtype()), false});
    call.forward = [p, key](const Arguments& a, const Context& context) {
        room::table().get(&room::Kernels::forward_moments, "forward_moments", key)(p, a.in(0), a.in(1), a.in(2), a.out(0), a.out(1),
                                                                                   a.workspace(), context);
    };
    std::vector<Tensor> made = apply(std::move(call));
    return {std::move(made[0]), std::move(made[1])};
}

}  // namespace purnet::ops
