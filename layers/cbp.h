// CBP(k): convolution k x k (bias, padding k / 2), batch norm and PReLU, at the indices first, first + 1, first + 2 of a
// sequence, as the published names count them.
#pragma once

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/prelu.h"

namespace purnet {

class Cbp {
public:
    Cbp(const Scope& scope, int first, int64_t in, int64_t out, int kernel)
        : conv_(scope / first, {.in = in, .out = out, .kernel = kernel, .padding = kernel / 2, .bias = true}),
          norm_(scope / (first + 1), {.channels = out, .activation = Activation::prelu}),
          prelu_(scope / (first + 2)) {}

    // `after` is added to the result where it is defined.
    Tensor operator()(const Tensor& x, Mode mode, const Tensor& after = {}) const {
        return norm_(conv_, x, mode, {.slope = prelu_.slope(), .after = after});
    }

private:
    Conv2d conv_;
    BatchNorm2d norm_;
    PRelu prelu_;
};

}  // namespace purnet
