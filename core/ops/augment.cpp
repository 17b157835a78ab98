#include "core/ops/augment.h"

#include "core/op.h"
#include "kernels/augment/augment.h"

namespace purnet::ops {
namespace {

void check_bytes(const char* name, const Tensor& tensor, const Shape& wanted) {
    require(tensor && tensor.dtype() == DType::u8 && tensor.shape() == wanted, "augment: ", name, " must be uint8 ", wanted.text(),
            " but is ", tensor ? concat(name_of(tensor.dtype()), " ", tensor.shape().text()) : "undefined");
}

}  // namespace

AugmentedPictures augment(const Tensor& rgb, const Tensor& mask, const Tensor& labels, const Tensor& changes, int64_t height,
                          int64_t width) {
    require(rgb && rgb.dtype() == DType::u8 && rgb.shape().rank() == 4 && rgb.size(3) == 3, "augment: rgb must be uint8 N,H,W,3 but is ",
            rgb ? concat(name_of(rgb.dtype()), " ", rgb.shape().text()) : "undefined");
    const augment::Problem p{rgb.size(0), rgb.size(1), rgb.size(2), height, width};
    augment::check(p);
    check_bytes("mask", mask, {p.images, p.h, p.w, 1});
    if (labels) check_bytes("labels", labels, {p.images, p.h, p.w, 2});
    check_bytes("changes", changes, {p.images, static_cast<int64_t>(augment::change_bytes(p.h))});
    const Key key{rgb.device().type, DType::f32};
    OpCall call{.name = "augment",
                .inputs = {rgb, mask, labels, changes},
                .outputs = {{rgb.shape(), DType::u8, false}, {{p.images, height, width, 1}, DType::u8, false}},
                .forward =
                    [p, key, labelled = labels.defined()](const Arguments& a, const Context& c) {
                        augment::table().get(&augment::Kernels::forward, "forward", key)(p, a.in(0), a.in(1), a.in(2), a.in(3), a.out(0),
                                                                                         a.out(1), labelled ? a.out(2) : nullptr, c);
                    },
                .problem = p};
    if (labels) call.outputs.push_back({{p.images, height, width}, DType::i32, false});
    std::vector<Tensor> made = apply(std::move(call));
    return {made[0], made[1], labels ? made[2] : Tensor()};
}

}  // namespace purnet::ops
