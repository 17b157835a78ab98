// What several ops ask of their operands.
#pragma once

#include "core/tensor.h"

namespace purnet::ops {

// A kernel reads both through pointers of one type: another one would be taken for it, bit by bit.
inline void require_one_type(const char* op, const Tensor& x, const Tensor& weight) {
    require(x.dtype() == weight.dtype(), op, ": the input is ", name_of(x.dtype()), " but its weight ", name_of(weight.dtype()));
}

}  // namespace purnet::ops
