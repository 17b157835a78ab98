#include "core/ops/reshape.h"

#include "core/op.h"
#include "kernels/concat/concat.h"

namespace purnet::ops {

Tensor reshape(const Tensor& x, const Shape& shape) {
    require(x && x.count() == shape.count(), "reshape: ", x ? x.shape().text() : "an undefined tensor", " does not have the elements of ",
            shape);
    const Shape from = x.shape();
    return apply_one({.name = "reshape", .inputs = {x}, .outputs = {{shape, x.dtype()}}, .view = true, .backward = [from](Gradients& g) {
                          g.give(0, g.grad().view(from));
                      }});
}

Tensor concat_channels(const std::vector<Tensor>& parts) {
    require(!parts.empty() && parts[0] && parts[0].shape().rank() >= 1, "concat_channels: nothing to put side by side");
    concat_channels::Problem p;
    std::vector<int64_t> extents = parts[0].shape().vector();
    int64_t total = 0;
    for (const Tensor& part : parts) {
        require(static_cast<bool>(part), "concat_channels: a part is undefined");
        std::vector<int64_t> other = part.shape().vector();
        if (!other.empty()) other.back() = extents.back();
        require(other == extents && part.dtype() == parts[0].dtype(), "concat_channels: ", parts[0].shape(), " and ", part.shape(),
                " differ in more than the last axis");
        p.widths.push_back(part.size(-1));
        total += part.size(-1);
    }
    extents.back() = total;
    const Shape shape(extents);
    p.rows = total > 0 ? shape.count() / total : 0;
    const Key key = parts[0].key();
    const int count = static_cast<int>(parts.size());
    return apply_one({.name = "concat_channels",
                      .inputs = parts,
                      .outputs = {{shape, parts[0].dtype()}},
                      .forward =
                          [p, key, count](const Arguments& a, const Context& c) {
                              std::vector<const void*> in;
                              for (int i = 0; i < count; ++i) in.push_back(a.in(i));
                              concat_channels::table().get(&concat_channels::Kernels::forward, "forward", key)(p, in.data(), a.out(), c);
                          },
                      .backward =
                          [p, key, count](Gradients& g) {
                              const Tensor dy = g.grad();
                              std::vector<void*> out;
                              for (int i = 0; i < count; ++i) out.push_back(g.destination(i));
                              concat_channels::table().get(&concat_channels::Kernels::backward, "backward", key)(p, dy.raw(), out.data(),
                                                                                                                 g.context());
                          },
                      .problem = p});
}

}  // namespace purnet::ops
