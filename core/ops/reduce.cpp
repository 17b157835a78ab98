#include "core/ops/reduce.h"

#include "core/op.h"
#include "kernels/reduce/reduce.h"

namespace purnet::ops {
namespace {

Tensor scaled_sum(const Tensor& x, double scale, const char* name) {
    const int64_t count = x.count();
    const Key key = x.key();
    return apply_one({.name = name,
                      .inputs = {x},
                      .outputs = {{{1}, parameter_dtype(x.dtype())}},
                      .workspace = reduce::workspace_bytes(count),
                      .forward =
                          [=](const Arguments& a, const Context& c) {
                              reduce::table().get(&reduce::Kernels::sum, "sum", key)(count, scale, a.in(0), a.out(), a.workspace(), c);
                          },
                      .backward =
                          [=](Gradients& g) {
                              const Tensor dy = g.grad();
                              if (void* dx = g.destination(0))
                                  reduce::table().get(&reduce::Kernels::spread, "spread", key)(count, scale, dy.raw(), dx, g.context());
                          }});
}

}  // namespace

Tensor sum(const Tensor& x) {
    require(static_cast<bool>(x), "sum: x is undefined");
    return scaled_sum(x, 1, "sum");
}

Tensor mean(const Tensor& x) {
    require(x && x.count() > 0, "mean of no elements");
    return scaled_sum(x, 1 / static_cast<double>(x.count()), "mean");
}

Tensor sum_of(const std::vector<Tensor>& scalars) {
    require(!scalars.empty(), "sum_of: nothing to add");
    for (const Tensor& s : scalars)
        require(s && s.count() == 1 && s.dtype() == scalars[0].dtype(), "sum_of: ", s ? s.shape().text() : "an undefined tensor",
                " is not one scalar of ", name_of(scalars[0].dtype()));
    const Key key = scalars[0].key();
    const int count = static_cast<int>(scalars.size());
    return apply_one({.name = "sum_of",
                      .inputs = scalars,
                      .outputs = {{{1}, scalars[0].dtype()}},
                      .forward =
                          [key, count](const Arguments& a, const Context& c) {
                              std::vector<const void*> values;
                              for (int i = 0; i < count; ++i) values.push_back(a.in(i));
                              reduce::table().get(&reduce::Kernels::add_scalars, "add_scalars", key)(count, values.data(), a.out(), c);
                          },
                      .backward =
                          [count](Gradients& g) {
                              const Tensor dy = g.grad();
                              for (int i = 0; i < count; ++i) g.give(i, dy);
                          }});
}

Tensor squared_norm(const Tensor& x) {
    require(static_cast<bool>(x), "squared_norm: x is undefined");
    const int64_t count = x.count();
    const Key key = x.key();
    return apply_one({.name = "squared_norm",
                      .inputs = {x},
                      .outputs = {{{1}, parameter_dtype(x.dtype()), false}},
                      .workspace = reduce::workspace_bytes(count),
                      .forward = [=](const Arguments& a, const Context& c) {
                          reduce::table().get(&reduce::Kernels::squared_norm, "squared_norm", key)(count, a.in(0), a.out(), a.workspace(),
                                                                                                   c);
                      }});
}

Tensor all_finite(const Tensor& x) {
    require(static_cast<bool>(x), "all_finite: x is undefined");
    const int64_t count = x.count();
    const Key key = x.key();
    return apply_one({.name = "all_finite",
                      .inputs = {x},
                      .outputs = {{{1}, DType::i32, false}},
                      .workspace = reduce::workspace_bytes(count),
                      .forward = [=](const Arguments& a, const Context& c) {
                          reduce::table().get(&reduce::Kernels::all_finite, "all_finite", key)(
                              count, a.in(0), static_cast<int32_t*>(a.out()), a.workspace(), c);
                      }});
}

}  // namespace purnet::ops
