// y = x where x > 0, else slope * x: one slope {1}, named `weight`.
#pragma once

#include "core/ops/activation.h"
#include "layers/scope.h"

namespace purnet {

class PRelu {
public:
    explicit PRelu(const Scope& scope) : path_(scope.path()), slope_(&scope.parameter("weight", {1})) {}

    Tensor operator()(const Tensor& x) const {
        const LayerScope layer(path_.c_str());
        return ops::prelu(x, slope_->value);
    }
    // For layers that apply it themselves.
    const Tensor& slope() const { return slope_->value; }

private:
    std::string path_;
    Parameter* slope_;
};

}  // namespace purnet
