// Convolution: y = weight * x + bias, N,H,W,in to N,P,Q,out. Parameters weight {out, kernel, kernel, in / groups} and, where
// asked for, bias {out}.
#pragma once

#include "core/ops/conv2d.h"
#include "layers/scope.h"

namespace purnet {

// The padding of one axis that gives ceil(n / stride) outputs: the floor of half before, the rest after ("SAME").
struct SamePadding {
    int before = 0, after = 0;
};
SamePadding same_padding(int64_t n, int kernel, int stride, int dilation);

class Conv2d {
public:
    struct Form {
        int64_t in = 0, out = 0;
        int kernel = 1;
        int stride = 1;
        int padding = 0;  // on all four sides; ignored where `same`
        int dilation = 1;
        int groups = 1;
        bool bias = false;
        bool same = false;  // padding from the input's size, see same_padding()
    };

    Conv2d(const Scope& scope, const Form& form);
    Tensor operator()(const Tensor& x) const;
    ops::WithMoments with_moments(const Tensor& x) const;

    const Form& form() const { return form_; }

private:
    ops::Conv2dOptions options_for(const Tensor& x) const;

    std::string path_;
    Form form_;
    Parameter* weight_;
    Parameter* bias_ = nullptr;
};

}  // namespace purnet
