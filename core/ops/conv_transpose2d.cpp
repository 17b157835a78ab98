#include "core/ops/conv_transpose2d.h"

#include "core/op.h"
#include "core/ops/operands.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet::ops {
namespace {
namespace room = purnet::conv_transpose2d;

room::Problem problem_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvTranspose2dOptions& options) {
    require(x && weight, "conv_transpose2d: input or weight is undefined");
    const Shape &in = x.shape(), &filter = weight.shape();
    require(in.rank() == 4 && filter.rank() == 4, "conv_transpose2d: input ", in, " and weight ", filter, " must be N,H,W,C and C,kH,kW,O");
    require(in[3] == filter[0], "conv_transpose2d: input ", in, " has ", in[3], " channels, weight ", filter, " reads ", filter[0]);
    require(!bias || bias.shape() == Shape{filter[3]}, "conv_transpose2d: bias ", bias ? bias.shape() : Shape(), " does not fit weight ",
            filter);
    room::Problem p;
    p.n = in[0], p.h = in[1], p.w = in[2], p.c = in[3];
    p.o = filter[3], p.kh = filter[1], p.kw = filter[2];
    p.stride = options.stride, p.crop_top = options.crop_top, p.crop_left = options.crop_left;
    p.out_h = options.out_h ? options.out_h : p.full_h() - p.crop_top;
    p.out_w = options.out_w ? options.out_w : p.full_w() - p.crop_left;
    room::check(p);
    return p;
}

}  // namespace

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvTranspose2dOptions& options) {
    const room::Problem p = problem_of(x, weight, bias, options);
    const Key key = x.key();
    OpCall call;
    call.name = "conv_transpose2d";
    call.inputs = {x, weight_for("conv_transpose2d", x, weight), bias};
    call.outputs = {{Shape{p.n, p.out_h, p.out_w, p.o}, x.dtype()}};
    call.workspace = WorkspaceBytes([p, key] { return room::workspace(key, p, room::Pass::forward); });
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
