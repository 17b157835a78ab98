#include "core/ops/rectify.h"

#include "core/op.h"
#include "kernels/rectify/rectify.h"

namespace purnet::ops {

Tensor rectify(const Tensor& x, const Tensor& e) {
    require(x && e && x.shape() == e.shape() && x.dtype() == e.dtype(), "rectify: x is ", x ? x.shape().text() : "undefined", ", e is ",
            e ? e.shape().text() : "undefined", "; they must have one shape and type");
    const int64_t count = x.count();
    const Key key = x.key();
    return apply_one({.name = "rectify",
                      .inputs = {x, e},
                      .outputs = {{x.shape(), x.dtype()}},
                      .forward =
                          [count, key](const Arguments& a, const Context& c) {
                              rectify::table().get(&rectify::Kernels::forward, "forward", key)(count, a.in(0), a.in(1), a.out(), c);
                          },
                      .backward =
                          [count, key](Gradients& g) {
                              const Tensor dy = g.grad();
                              void* dx = g.destination(0);
                              void* de = g.destination(1);
                              if (!dx && !de) return;
                              rectify::table().get(&rectify::Kernels::backward, "backward", key)(count, g.input(0).raw(), g.input(1).raw(),
                                                                                                 dy.raw(), dx, de, g.context());
                          },
                      .saved_inputs = {0, 1},
                      .rebuild_inputs = {0, 1}});
}

}  // namespace purnet::ops
