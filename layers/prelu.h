// y = x where x > 0, else slope * x: one slope {1}, named `weight`.
#pragma once

#include "core/ops/activation.h"
#include "layers/scope.h"

namespace purnet {

class PRelu {
public:
    explicit PRelu(const Scope& scope) : slope_(&scope.parameter("weight", {1})) {}

    Tensor operator()(const Tensor& x) const { return ops::prelu(x, slope_->value); }
    // For layers that apply it themselves.
    const Tensor& slope() const { return slope_->value; }

private:
    Parameter* slope_;
};

}  // namespace purnet
