#include "layers/batch_norm2d.h"

namespace purnet {

BatchNorm2d::BatchNorm2d(const Scope& scope, const Form& form) : path_(scope.path()), form_(form) {
    const Shape shape{form.channels};
    weight_ = &scope.parameter("weight", shape);
    bias_ = &scope.parameter("bias", shape);
    running_mean_ = &scope.statistic("running_mean", shape);
    running_var_ = &scope.statistic("running_var", shape);
}

Tensor BatchNorm2d::operator()(const Tensor& x, Mode mode, const With& with) const { return run(x, {}, mode, with); }

Tensor BatchNorm2d::operator()(const Conv2d& conv, const Tensor& x, Mode mode, const With& with) const {
    if (mode == Mode::inference) return run(conv(x), {}, mode, with);
    const ops::WithMoments made = conv.with_moments(x);
    return run(made.y, made.moments, mode, with);
}

Tensor BatchNorm2d::run(const Tensor& x, const Tensor& moments, Mode mode, const With& with) const {
    const LayerScope layer(path_.c_str());
    const ops::BatchNormOptions options{
        .training = mode == Mode::training, .eps = form_.eps, .momentum = form_.momentum, .activation = form_.activation};
    return ops::batch_norm(x, weight_->value, bias_->value, running_mean_->value, running_var_->value, options, with.slope, with.before,
                           with.after, moments);
}

}  // namespace purnet
