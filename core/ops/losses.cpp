#include "core/ops/losses.h"

#include "core/op.h"
#include "kernels/binary/binary.h"
#include "kernels/overlap/overlap.h"
#include "kernels/structural/structural.h"

namespace purnet::ops {
namespace {

void check_same(const char* name, const Tensor& a, const char* a_name, const Tensor& b, const char* b_name) {
    require(a && b && a.count() > 0, name, ": ", !a ? a_name : b_name, " is undefined or empty");
    require(a.shape() == b.shape() && a.dtype() == b.dtype(), name, ": ", a_name, " is ", a.shape(), " of ", name_of(a.dtype()), ", ",
            b_name, " is ", b.shape(), " of ", name_of(b.dtype()));
}

// The gradient of input i is saved output `saved`, of a loss whose upstream gradient is 1, times the upstream one; both are
// parameters, so that a bf16 gradient is rounded once.
void scale_saved(Gradients& g, int i, int saved, Key key) {
    const Tensor upstream = g.grad(0);
    const Tensor& unit = g.output(saved);
    if (void* d = g.destination(i))
        binary::table().get(&binary::Kernels::forward, "forward", key)(
            {binary::Operation::mul, binary::Broadcast::scalar, 1, unit.count(), 1, true}, unit.raw(), upstream.raw(), d, g.context());
}

}  // namespace

Tensor weighted_bce(const Tensor& z, const Tensor& g, const Tensor& ze, Weight weight, bool clamp) {
    check_same("weighted_bce", z, "z", g, "g");
    require(ze.defined() == (weight != Weight::none), "weighted_bce: an error map is given if and only if there is a weight");
    if (ze) check_same("weighted_bce", z, "z", ze, "ze");
    const bce::Problem p{z.count(), weight, clamp};
    const bool flowing = weight == Weight::flowing;
    const Key key = z.key();
    OpCall call{.name = "weighted_bce",
                .inputs = {z, g, ze},
                .outputs = {{{1}, parameter_dtype(z.dtype())}, {z.shape(), parameter_dtype(z.dtype()), false}},
                .workspace = bce::workspace_bytes(p.count),
                .forward =
                    [p, key, flowing](const Arguments& a, const Context& c) {
                        bce::table().get(&bce::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in(2), a.out(0), a.out(1),
                                                                                 flowing ? a.out(2) : nullptr, a.workspace(), c);
                    },
                .backward =
                    [key, flowing](Gradients& gradients) {
                        scale_saved(gradients, 0, 1, key);
                        if (flowing) scale_saved(gradients, 2, 2, key);
                    },
                .saved_outputs = {1},
                .problem = p};
    if (flowing) {
        call.outputs.push_back({z.shape(), parameter_dtype(z.dtype()), false});
        call.saved_outputs.push_back(2);
    }
    return apply_one(std::move(call));
}

Tensor error_loss(const Tensor& ze, const Tensor& zo, const Tensor& g, ErrorLoss form) {
    check_same("error_loss", ze, "ze", zo, "zo");
    check_same("error_loss", ze, "ze", g, "g");
    const error_loss::Problem p{ze.count(), form};
    const Key key = ze.key();
    return apply_one({.name = "error_loss",
                      .inputs = {ze, zo, g},
                      .outputs = {{{1}, parameter_dtype(ze.dtype())}, {ze.shape(), parameter_dtype(ze.dtype()), false}},
                      .workspace = error_loss::workspace_bytes(p.count),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              error_loss::table().get(&error_loss::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in(2), a.out(0),
                                                                                                     a.out(1), a.workspace(), c);
                          },
                      .backward = [key](Gradients& gradients) { scale_saved(gradients, 0, 1, key); },
                      .saved_outputs = {1},
                      .problem = p});
}

Tensor error_target_entropy(const Tensor& zo, const Tensor& g) {
    check_same("error_target_entropy", zo, "zo", g, "g");
    const int64_t count = zo.count();
    const Key key = zo.key();
    return apply_one({.name = "error_target_entropy",
                      .inputs = {zo, g},
                      .outputs = {{{1}, parameter_dtype(zo.dtype()), false}},
                      .workspace = error_loss::workspace_bytes(count),
                      .forward = [count, key](const Arguments& a, const Context& c) {
                          error_loss::table().get(&error_loss::Kernels::entropy, "entropy", key)(count, a.in(0), a.in(1), a.out(),
                                                                                                 a.workspace(), c);
                      }});
}

Tensor structural_kl(const Tensor& z, const Tensor& g, const Tensor& labels, bool second_sigmoid) {
    check_same("structural_kl", z, "z", g, "g");
    require(
        labels && labels.dtype() == DType::i32 && labels.count() == z.count() && labels.shape().rank() >= 1 && labels.size(0) == z.size(0),
        "structural_kl: z is ", z.shape(), ", labels must be int32 of N,H,W but are ", labels ? labels.shape().text() : "undefined");
    const structural::Problem p{z.size(0), z.count() / z.size(0), second_sigmoid};
    const Key key = z.key();
    return apply_one({.name = "structural_kl",
                      .inputs = {z, g, labels},
                      .outputs = {{{1}, parameter_dtype(z.dtype())}, {z.shape(), parameter_dtype(z.dtype()), false}},
                      .workspace = structural::workspace_bytes(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              structural::table().get(&structural::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in<int32_t>(2),
                                                                                                     a.out(0), a.out(1), a.workspace(), c);
                          },
                      .backward = [key](Gradients& gradients) { scale_saved(gradients, 0, 1, key); },
                      .saved_outputs = {1},
                      .problem = p});
}

Tensor overlap_loss(const Tensor& z, const Tensor& g) {
    check_same("overlap_loss", z, "z", g, "g");
    const overlap::Problem p{z.size(0), z.count() / z.size(0)};
    const Key key = z.key();
    return apply_one({.name = "overlap_loss",
                      .inputs = {z, g},
                      .outputs = {{{1}, parameter_dtype(z.dtype())}, {z.shape(), parameter_dtype(z.dtype()), false}},
                      .workspace = overlap::workspace_bytes(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              overlap::table().get(&overlap::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.out(0), a.out(1),
                                                                                               a.workspace(), c);
                          },
                      .backward = [key](Gradients& gradients) { scale_saved(gradients, 0, 1, key); },
                      .saved_outputs = {1},
                      .problem = p});
}

}  // namespace purnet::ops
