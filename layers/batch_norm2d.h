// Batch norm with what follows it: y = act(weight (x - m) / sqrt(v + eps) + bias + before) + after, per channel. In training
// mode m, v are the batch's and the running ones are updated; in inference mode they are the running ones.
// Parameters weight, bias {C}; statistics running_mean, running_var {C}.
#pragma once

#include "core/ops/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/scope.h"

namespace purnet {

enum class Mode { training, inference };

class BatchNorm2d {
public:
    struct Form {
        int64_t channels = 0;
        double eps = 1e-5;
        double momentum = 0.1;
        Activation activation = Activation::none;
    };
    // The further operands; undefined ones are left out. `slope` belongs to Activation::prelu.
    struct With {
        Tensor slope{}, before{}, after{};
    };

    BatchNorm2d(const Scope& scope, const Form& form);
    Tensor operator()(const Tensor& x, Mode mode, const With& with) const;
    Tensor operator()(const Tensor& x, Mode mode) const { return (*this)(x, mode, With{}); }
    // Of conv(x), whose statistics the convolution takes in passing where it can.
    Tensor operator()(const Conv2d& conv, const Tensor& x, Mode mode, const With& with) const;
    Tensor operator()(const Conv2d& conv, const Tensor& x, Mode mode) const { return (*this)(conv, x, mode, With{}); }

private:
    Tensor run(const Tensor& x, const Tensor& moments, Mode mode, const With& with) const;

    std::string path_;
    Form form_;
    Parameter *weight_, *bias_, *running_mean_, *running_var_;
};

}  // namespace purnet
