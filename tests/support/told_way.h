// Tests that ask for a kernel and tile which a problem of their size would not get.
#pragma once

#include <string>

#include "kernels/conv2d/conv2d_key.h"
#include "kernels/runtime/choices.h"

namespace purnet::test {

// While it lives, a pass of a convolution on a CUDA device is done in the way of that name (kernels/conv2d/conv2d_ways.h), and everything
// else as it is estimated.
class ToldWay {
public:
    ToldWay(DType type, const conv2d::Problem& problem, conv2d::Pass pass, const std::string& way) {
        choices::know({{concat("cuda ", name_of(type), " ", conv2d::key_of(problem, pass)), way}});
    }
    ~ToldWay() { choices::know({}); }
    ToldWay(const ToldWay&) = delete;
    ToldWay& operator=(const ToldWay&) = delete;
};

}  // namespace purnet::test
