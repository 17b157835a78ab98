#include "layers/conv_transpose2d.h"

namespace purnet {

ConvTranspose2d::ConvTranspose2d(const Scope& scope, const Form& form) : path_(scope.path()), form_(form) {
    weight_ = &scope.parameter("weight", {form.in, form.kernel, form.kernel, form.out}, FileLayout::channels_second);
}

Tensor ConvTranspose2d::operator()(const Tensor& x, int64_t out_h, int64_t out_w) const {
    const LayerScope layer(path_.c_str());
    return ops::conv_transpose2d(x, weight_->value, Tensor(),
                                 {.stride = form_.stride, .crop_top = form_.crop, .crop_left = form_.crop, .out_h = out_h, .out_w = out_w});
}

}  // namespace purnet
