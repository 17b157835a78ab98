#include "layers/conv2d.h"

#include <algorithm>

namespace purnet {

SamePadding same_padding(int64_t n, int kernel, int stride, int dilation) {
    const int64_t outputs = (n + stride - 1) / stride;
    const int64_t total = std::max<int64_t>((outputs - 1) * stride + int64_t{kernel - 1} * dilation + 1 - n, 0);
    return {static_cast<int>(total / 2), static_cast<int>(total - total / 2)};
}

Conv2d::Conv2d(const Scope& scope, const Form& form) : path_(scope.path()), form_(form) {
    weight_ = &scope.parameter("weight", {form.out, form.kernel, form.kernel, form.in / form.groups}, FileLayout::channels_second);
    if (form.bias) bias_ = &scope.parameter("bias", {form.out});
}

ops::Conv2dOptions Conv2d::options_for(const Tensor& x) const {
    ops::Pads pads{.top = form_.padding, .left = form_.padding, .bottom = form_.padding, .right = form_.padding};
    if (form_.same) {
        const SamePadding rows = same_padding(x.size(1), form_.kernel, form_.stride, form_.dilation);
        const SamePadding columns = same_padding(x.size(2), form_.kernel, form_.stride, form_.dilation);
        pads = {.top = rows.before, .left = columns.before, .bottom = rows.after, .right = columns.after};
    }
    return {.stride = form_.stride, .pads = pads, .dilation = form_.dilation, .groups = form_.groups};
}

Tensor Conv2d::operator()(const Tensor& x) const {
    const LayerScope layer(path_.c_str());
    return ops::conv2d(x, weight_->value, bias_ ? bias_->value : Tensor(), options_for(x));
}

ops::WithMoments Conv2d::with_moments(const Tensor& x) const {
    const LayerScope layer(path_.c_str());
    return ops::conv2d_with_moments(x, weight_->value, bias_ ? bias_->value : Tensor(), options_for(x));
}

}  // namespace purnet
