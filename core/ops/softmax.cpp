#include "core/ops/softmax.h"

#include "core/op.h"
#include "kernels/softmax/softmax.h"

namespace purnet::ops {
namespace {

Tensor softmax_of(const Tensor& x, const softmax::Problem& p, const char* name) {
    const Key key = x.key();
    return apply_one({.name = name,
                      .inputs = {x},
                      .outputs = {{x.shape(), x.dtype()}},
                      .workspace = softmax::workspace_bytes(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              softmax::table().get(&softmax::Kernels::forward, "forward", key)(p, a.in(0), a.out(), a.workspace(), c);
                          },
                      .backward =
                          [p, key](Gradients& g) {
                              const Tensor dy = g.grad();
                              void* dx = g.destination(0);
                              if (!dx) return;
                              const Block workspace(dy.device(), softmax::workspace_bytes(p));
                              softmax::table().get(&softmax::Kernels::backward, "backward", key)(p, g.output().raw(), dy.raw(), dx,
                                                                                                 workspace.data(), g.context());
                          },
                      .saved_outputs = {0},
                      .problem = p});
}

}  // namespace

Tensor softmax_space(const Tensor& x) {
    require(x && x.shape().rank() >= 3 && x.count() > 0, "softmax_space: x must be N,H,W,C but is ", x ? x.shape().text() : "undefined");
    return softmax_of(x, {x.size(0), x.count() / (x.size(0) * x.size(-1)), x.size(-1)}, "softmax_space");
}

Tensor softmax_channels(const Tensor& x) {
    require(x && x.shape().rank() >= 1 && x.count() > 0, "softmax_channels: x is ", x ? x.shape().text() : "undefined");
    return softmax_of(x, {x.count() / x.size(-1), x.size(-1), 1}, "softmax_channels");
}

}  // namespace purnet::ops
