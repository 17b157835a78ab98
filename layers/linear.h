// y = x weight^T + bias, N,in to N,out. Parameters weight {out, in}, bias {out}.
#pragma once

#include "core/ops/linear.h"
#include "layers/scope.h"

namespace purnet {

class Linear {
public:
    Linear(const Scope& scope, int64_t in, int64_t out, bool bias = true)
        : path_(scope.path()), weight_(&scope.parameter("weight", {out, in})) {
        if (bias) bias_ = &scope.parameter("bias", {out});
    }

    Tensor operator()(const Tensor& x) const {
        const LayerScope layer(path_.c_str());
        return ops::linear(x, weight_->value, bias_ ? bias_->value : Tensor());
    }

private:
    std::string path_;
    Parameter* weight_;
    Parameter* bias_ = nullptr;
};

}  // namespace purnet
