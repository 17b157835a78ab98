#include "core/ops/promotion.h"

#include "core/op.h"
#include "kernels/promotion/promotion.h"

namespace purnet::ops {
namespace {

promotion::Problem problem_of(const Tensor& f, double gain, const char* name) {
    require(f && f.shape().rank() == 4 && f.count() > 0, name, ": f must be N,H,W,C but is ", f ? f.shape().text() : "undefined");
    return {f.size(0), f.size(1) * f.size(2), f.size(3), gain};
}

void check_statistics(const Tensor& f, const Tensor& statistics, const char* name) {
    require(statistics && statistics.shape() == Shape{f.size(0), 2, f.size(3)} && statistics.dtype() == parameter_dtype(f.dtype()), name,
            ": f is ", f.shape(), " but the statistics are ", statistics ? statistics.shape().text() : "undefined");
}

}  // namespace

Tensor promotion_statistics(const Tensor& f, double gain) {
    const promotion::Problem p = problem_of(f, gain, "promotion_statistics");
    const Key key = f.key();
    return apply_one({.name = "promotion_statistics",
                      .inputs = {f},
                      .outputs = {{{p.images, 2, p.channels}, parameter_dtype(f.dtype()), false}},
                      .workspace = promotion::statistics_workspace(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              promotion::table().get(&promotion::Kernels::statistics, "statistics", key)(p, a.in(0), a.out(), a.workspace(),
                                                                                                         c);
                          },
                      .problem = p});
}

Tensor promote(const Tensor& target, const Tensor& f, const Tensor& statistics, double gain) {
    const promotion::Problem p = problem_of(f, gain, "promote");
    require(target && target.shape() == f.shape() && target.dtype() == f.dtype(), "promote: f is ", f.shape(), " but the target is ",
            target ? target.shape().text() : "undefined");
    check_statistics(f, statistics, "promote");
    const Key key = f.key();
    return apply_one(
        {.name = "promote",
         .inputs = {target, f, statistics},
         .outputs = {{f.shape(), f.dtype()}},
         .forward =
             [p, key](const Arguments& a, const Context& c) {
                 promotion::table().get(&promotion::Kernels::promote, "promote", key)(p, a.in(0), a.in(1), a.in(2), a.out(), c);
             },
         .backward =
             [p, key](Gradients& g) {
                 const Tensor dy = g.grad();
                 void* dtarget = g.destination(0);
                 void* df = g.destination(1);
                 if (!dtarget && !df) return;
                 const Block workspace(dy.device(), promotion::backward_workspace(p));
                 promotion::table().get(&promotion::Kernels::backward, "backward", key)(
                     p, g.input(0).raw(), g.input(1).raw(), g.input(2).raw(), dy.raw(), dtarget, df, workspace.data(), g.context());
             },
         .saved_inputs = {0, 1, 2},
         .rebuild_inputs = {0, 1, 2},
         .problem = p});
}

Tensor promotion_attention(const Tensor& f, const Tensor& statistics) {
    const promotion::Problem p = problem_of(f, 1, "promotion_attention");
    check_statistics(f, statistics, "promotion_attention");
    const Key key = f.key();
    return apply_one({.name = "promotion_attention",
                      .inputs = {f, statistics},
                      .outputs = {{f.shape(), f.dtype(), false}},
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              promotion::table().get(&promotion::Kernels::attention, "attention", key)(p, a.in(0), a.in(1), a.out(), c);
                          },
                      .problem = p});
}

}  // namespace purnet::ops
