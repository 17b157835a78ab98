// Transposed convolution without bias, of which a window is kept: y = the rows and columns from `crop` (counted from 0) of the
// ((h - 1) stride + kernel) x ((w - 1) stride + kernel) result, h x w the size of x. Parameter weight {in, kernel, kernel, out}.
#pragma once

#include "core/ops/conv_transpose2d.h"
#include "layers/scope.h"

namespace purnet {

class ConvTranspose2d {
public:
    struct Form {
        int64_t in = 0, out = 0;
        int kernel = 4;
        int stride = 2;
        int crop = 0;
    };

    ConvTranspose2d(const Scope& scope, const Form& form);
    Tensor operator()(const Tensor& x, int64_t out_h, int64_t out_w) const;

private:
    std::string path_;
    Form form_;
    Parameter* weight_;
};

}  // namespace purnet
