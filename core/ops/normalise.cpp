#include "core/ops/normalise.h"

#include "core/op.h"
#include "kernels/normalise/normalise.h"

namespace purnet::ops {

Tensor normalise(const Tensor& x, double scale, const std::array<float, 3>& mean, const std::array<float, 3>& deviation, DType dtype) {
    require(x && x.dtype() == DType::u8 && x.shape().rank() == 4, "normalise: x must be uint8 N,H,W,C but is ",
            x ? concat(name_of(x.dtype()), " ", x.shape().text()) : "undefined");
    normalise::Problem p{x.size(0) * x.size(1) * x.size(2), static_cast<int>(x.size(3)), scale};
    normalise::check(p);
    std::copy(mean.begin(), mean.end(), p.mean.begin());
    std::copy(deviation.begin(), deviation.end(), p.deviation.begin());
    const Key key{x.device().type, dtype};
    return apply_one({.name = "normalise",
                      .inputs = {x},
                      .outputs = {{x.shape(), dtype}},
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              normalise::table().get(&normalise::Kernels::forward, "forward", key)(p, a.in(0), a.out(), c);
                          },
                      .problem = p});
}

}  // namespace purnet::ops
