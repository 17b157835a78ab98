#include "core/ops/resize_picture.h"

#include "core/op.h"
#include "kernels/resize/resize_picture.h"

namespace purnet::ops {

Tensor resize_picture(const Tensor& x, int64_t height, int64_t width) {
    require(x && x.dtype() == DType::u8 && (x.shape().rank() == 3 || x.shape().rank() == 4),
            "resize_picture: x must be uint8 H,W,C or N,H,W,C but is ",
            x ? concat(name_of(x.dtype()), " ", x.shape().text()) : "undefined");
    const bool several = x.shape().rank() == 4;
    const int at = several;
    const resize_picture::Problem p{x.size(at), x.size(at + 1), x.size(at + 2), height, width, several ? x.size(0) : 1};
    resize_picture::check(p);
    const Key key{x.device().type, DType::f32};
    return apply_one({.name = "resize_picture",
                      .inputs = {x},
                      .outputs = {{several ? Shape{p.images, height, width, p.channels} : Shape{height, width, p.channels}, DType::u8}},
                      .workspace = resize_picture::workspace_bytes(p),
                      .forward =
                          [p, key](const Arguments& a, const Context& c) {
                              resize_picture::table().get(&resize_picture::Kernels::forward, "forward", key)(p, a.in(0), a.out(),
                                                                                                             a.workspace(), c);
                          },
                      .problem = p});
}

}  // namespace purnet::ops
