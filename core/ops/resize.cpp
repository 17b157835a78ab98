#include "core/ops/resize.h"

#include "core/op.h"

namespace purnet::ops {

Tensor resize(const Tensor& x, int64_t height, int64_t width, ResizeMode mode) {
    require(x && x.shape().rank() == 4 && x.count() > 0, "resize: x must be N,H,W,C but is ", x ? x.shape().text() : "undefined");
    constexpr int64_t most = 1 << 24;
    require(height >= 1 && width >= 1 && height <= most && width <= most && x.size(1) <= most && x.size(2) <= most, "resize: no map of ",
            height, "x", width, " from ", x.shape());
    if (height == x.size(1) && width == x.size(2)) return x;
    const resize::Problem p{x.size(0), x.size(1), x.size(2), x.size(3), height, width, mode};
    const Key key = x.key();
    return apply_one({.name = "resize",
                      .inputs = {x},
                      .outputs = {{{p.n, height, width, p.c}, x.dtype()}},
                      .workspace = resize::workspace_bytes(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              resize::table().get(&resize::Kernels::forward, "forward", key)(p, a.in(0), a.out(), a.workspace(), c);
                          },
                      .backward =
                          [p, key](Gradients& g) {
                              const Tensor dy = g.grad();
                              void* dx = g.destination(0);
                              if (!dx) return;
                              const Block workspace(dy.device(), resize::workspace_bytes(p));
                              resize::table().get(&resize::Kernels::backward, "backward", key)(p, dy.raw(), dx, workspace.data(),
                                                                                               g.context());
                          },
                      .problem = p});
}

}  // namespace purnet::ops
