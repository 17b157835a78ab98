#include "core/ops/pool.h"

#include "core/op.h"
#include "kernels/pool/pool.h"

namespace purnet::ops {
namespace {

pool::Problem problem_of(const Tensor& x, const PoolOptions& o, const char* name) {
    require(x && x.shape().rank() == 4 && x.count() > 0, name, ": x must be N,H,W,C but is ", x ? x.shape().text() : "undefined");
    require(o.kernel >= 1 && o.stride >= 1, name, ": kernel ", o.kernel, " and stride ", o.stride, " must be positive");
    const int64_t height = x.size(1) + o.pads.top + o.pads.bottom - o.kernel, width = x.size(2) + o.pads.left + o.pads.right - o.kernel;
    require(height >= 0 && width >= 0 && o.pads.bottom >= 0 && o.pads.right >= 0 && o.pads.bottom < o.kernel && o.pads.right < o.kernel,
            name, ": a ", o.kernel, "x", o.kernel, " window does not fit into ", x.shape(), " with that padding");
    pool::Problem p{.n = x.size(0),
                    .h = x.size(1),
                    .w = x.size(2),
                    .c = x.size(3),
                    .out_h = height / o.stride + 1,
                    .out_w = width / o.stride + 1,
                    .kernel = o.kernel,
                    .stride = o.stride,
                    .top = o.pads.top,
                    .left = o.pads.left};
    pool::check(p);
    return p;
}

}  // namespace

Tensor max_pool(const Tensor& x, const PoolOptions& options) {
    const pool::Problem p = problem_of(x, options, "max_pool");
    const Key key = x.key();
    const Shape out{p.n, p.out_h, p.out_w, p.c};
    return apply_one({.name = "max_pool",
                      .inputs = {x},
                      .outputs = {{out, x.dtype()}, {out, DType::u8, false}},
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              pool::table().get(&pool::Kernels::maximum, "maximum", key)(p, a.in(0), a.out(0),
                                                                                         static_cast<uint8_t*>(a.out(1)), c);
                          },
                      .backward =
                          [p, key](Gradients& g) {
                              const Tensor dy = g.grad();
                              if (void* dx = g.destination(0))
                                  pool::table().get(&pool::Kernels::maximum_backward, "maximum_backward", key)(
                                      p, static_cast<const uint8_t*>(g.output(1).raw()), dy.raw(), dx, g.context());
                          },
                      .saved_outputs = {1},
                      .problem = p});
}

Tensor avg_pool(const Tensor& x, const PoolOptions& options) {
    const pool::Problem p = problem_of(x, options, "avg_pool");
    const Key key = x.key();
    return apply_one(
        {.name = "avg_pool",
         .inputs = {x},
         .outputs = {{{p.n, p.out_h, p.out_w, p.c}, x.dtype()}},
         .forward = [p, key](const Arguments& a,
                             const Context& c) { pool::table().get(&pool::Kernels::average, "average", key)(p, a.in(0), a.out(), c); },
         .backward =
             [p, key](Gradients& g) {
                 const Tensor dy = g.grad();
                 if (void* dx = g.destination(0))
                     pool::table().get(&pool::Kernels::average_backward, "average_backward", key)(p, dy.raw(), dx, g.context());
             },
         .problem = p});
}

Tensor global_avg_pool(const Tensor& x) {
    require(x && x.shape().rank() == 4 && x.count() > 0, "global_avg_pool: x must be N,H,W,C but is ", x ? x.shape().text() : "undefined");
    const pool::GlobalProblem p{x.size(0), x.size(1) * x.size(2), x.size(3)};
    const Key key = x.key();
    return apply_one({.name = "global_avg_pool",
                      .inputs = {x},
                      .outputs = {{{p.images, p.channels}, x.dtype()}},
                      .workspace = pool::global_workspace(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              pool::table().get(&pool::Kernels::global, "global", key)(p, a.in(0), a.out(), a.workspace(), c);
                          },
                      .backward =
                          [p, key](Gradients& g) {
                              const Tensor dy = g.grad();
                              if (void* dx = g.destination(0))
                                  pool::table().get(&pool::Kernels::global_backward, "global_backward", key)(p, dy.raw(), dx, g.context());
                          },
                      .problem = p});
}

}  // namespace purnet::ops
