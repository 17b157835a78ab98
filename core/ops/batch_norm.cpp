#include "core/ops/batch_norm.h"

#include "core/op.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/gradient_sums.h"
#include "kernels/batch_norm/moments.h"

namespace purnet::ops {
namespace {

enum Input { in_x, in_gamma, in_beta, in_running_mean, in_running_var, in_slope, in_before, in_after, in_moments };
enum Output { out_y, out_mean, out_inverse, out_shift };

bool has_slope(const batch_norm::Problem& p) { return p.activation == Activation::prelu; }

// Not beside `before`: who makes dy would have to read that too, and what a residual is added to has several readers anyway.
std::any gradient_sums(const batch_norm::Problem& p, Gradients& g) {
    const bool wanted = g.wanted(in_gamma) || g.wanted(in_beta) || (has_slope(p) && g.wanted(in_slope)) || (p.training && g.wanted(in_x));
    if (p.has_before || !wanted) return {};
    return batch_norm::NormOperands{.activation = p.activation,
                                    .x = g.input(in_x).raw(),
                                    .gamma = g.input(in_gamma).raw(),
                                    .beta = g.input(in_beta).raw(),
                                    .mean = g.output(out_mean).raw(),
                                    .inverse = g.output(out_inverse).raw(),
                                    .slope = has_slope(p) ? g.input(in_slope).raw() : nullptr};
}

void backward(const batch_norm::Problem& p, Key key, Gradients& g) {
    const Tensor dy = g.grad(out_y);
    if (p.has_after) g.give(in_after, dy);
    const bool active = p.activation != Activation::none;
    if (p.has_before && !active) g.give(in_before, dy);
    const bool wants_before = p.has_before && active && g.wanted(in_before);
    if (!g.wanted(in_x) && !g.wanted(in_gamma) && !g.wanted(in_beta) && !wants_before && !(has_slope(p) && g.wanted(in_slope))) return;
    const Block workspace(dy.device(), batch_norm::backward_workspace(p));
    const batch_norm::Backward b{.x = g.input(in_x).raw(),
                                 .gamma = g.input(in_gamma).raw(),
                                 .beta = g.input(in_beta).raw(),
                                 .mean = g.output(out_mean).raw(),
                                 .inverse = g.output(out_inverse).raw(),
                                 .slope = has_slope(p) ? g.input(in_slope).raw() : nullptr,
                                 .before = p.has_before && active ? g.input(in_before).raw() : nullptr,
                                 .dy = dy.raw(),
                                 .dx = g.destination(in_x),
                                 .dgamma = g.destination(in_gamma),
                                 .dbeta = g.destination(in_beta),
                                 .dslope = has_slope(p) ? g.destination(in_slope) : nullptr,
                                 .dbefore = wants_before ? g.destination(in_before) : nullptr,
                                 .workspace = workspace.data(),
                                 .sums = g.sums() ? g.sums().raw() : nullptr};
    batch_norm::table().get(&batch_norm::Kernels::backward, "backward", key)(p, b, g.context());
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options, const Tensor& slope, const Tensor& before, const Tensor& after, const Tensor& moments) {
    require(x && x.shape().rank() >= 1 && x.count() > 0, "batch_norm: x is empty or has no axis");
    const int64_t channels = x.size(-1);
    const auto vector_of = [&](const Tensor& t, const char* name) {
        require(t && t.shape() == Shape{channels}, "batch_norm: x is ", x.shape(), ", ", name, " must have ", channels, " values but is ",
                t ? t.shape().text() : "undefined");
        require(t.dtype() == parameter_dtype(x.dtype()), "batch_norm: ", name, " is ", name_of(t.dtype()), " beside x of ",
                name_of(x.dtype()));
    };
    vector_of(gamma, "gamma");
    vector_of(beta, "beta");
    vector_of(running_mean, "running_mean");
    vector_of(running_var, "running_var");
    for (const Tensor* t : {&before, &after})
        require(!*t || (t->shape() == x.shape() && t->dtype() == x.dtype()), "batch_norm: x is ", x.shape(), " but what is added is ",
                *t ? t->shape().text() : "");
    require(!slope || slope.shape() == Shape{1}, "batch_norm: the slope must be one value, not ", slope ? slope.shape().text() : "");
    const batch_norm::Problem p{.rows = x.count() / channels,
                                .channels = channels,
                                .training = options.training,
                                .eps = options.eps,
                                .momentum = options.momentum,
                                .activation = options.activation,
                                .has_before = before.defined(),
                                .has_after = after.defined()};
    batch_norm::check(p, slope.defined(), before.defined());
    const Key key = x.key();
    const DType statistics = parameter_dtype(x.dtype());
    require(!moments ||
                (p.training && moments.shape() == Shape{3, batch_norm::moment_parts(p.rows), channels} && moments.dtype() == statistics),
            "batch_norm: x is ", x.shape(), ", moments are ", moments ? moments.shape().text() : "", p.training ? "" : " and not wanted");
    OpCall call{.name = "batch_norm",
                .inputs = {x, gamma, beta, running_mean, running_var, slope, before, after, moments},
                .outputs = {{x.shape(), x.dtype()},
                            {{channels}, statistics, false},
                            {{channels}, statistics, false},
                            {{channels}, statistics, false}},
                .workspace = batch_norm::forward_workspace(p),
                .forward =
                    [p, key](const Arguments& a, const Context& c) {
                        batch_norm::table().get(&batch_norm::Kernels::forward, "forward", key)(p,
                                                                                               {.x = a.in(in_x),
                                                                                                .gamma = a.in(in_gamma),
                                                                                                .beta = a.in(in_beta),
                                                                                                .running_mean = a.updated(in_running_mean),
                                                                                                .running_var = a.updated(in_running_var),
                                                                                                .slope = a.in(in_slope),
                                                                                                .before = a.in(in_before),
                                                                                                .after = a.in(in_after),
                                                                                                .y = a.out(out_y),
                                                                                                .mean = a.out(out_mean),
                                                                                                .inverse = a.out(out_inverse),
                                                                                                .shift = a.out(out_shift),
                                                                                                .workspace = a.workspace(),
                                                                                                .moments = a.in(in_moments)},
                                                                                               c);
                    },
                .backward = [p, key](Gradients& g) { backward(p, key, g); },
                .saved_inputs = {in_x, in_gamma, in_beta},
                .saved_outputs = {out_mean, out_inverse, out_shift},
                .gradient_sums = [p](Gradients& g) { return gradient_sums(p, g); },
                .rebuild_inputs = {in_x, in_gamma, in_slope, in_before, in_after},
                .rebuild =
                    [p, key](const Arguments& a, const Context& c) {
                        batch_norm::table().get(&batch_norm::Kernels::apply, "apply", key)(p,
                                                                                           {.x = a.in(in_x),
                                                                                            .gamma = a.in(in_gamma),
                                                                                            .mean = a.out(out_mean),
                                                                                            .inverse = a.out(out_inverse),
                                                                                            .shift = a.out(out_shift),
                                                                                            .slope = a.in(in_slope),
                                                                                            .before = a.in(in_before),
                                                                                            .after = a.in(in_after),
                                                                                            .y = a.out(out_y)},
                                                                                           c);
                    },
                .problem = p};
    if (slope) call.saved_inputs.push_back(in_slope);
    if (before && options.activation != Activation::none) call.saved_inputs.push_back(in_before);
    return apply_one(std::move(call));
}

}  // namespace purnet::ops
