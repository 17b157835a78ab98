// What an emulated run may cost: an emulated thread takes about a hundred nanoseconds.
#pragma once

#include <cstdlib>

#include "tests/records/harness.h"

namespace purnet::test {

// Of the cases that are no layer of a real network PURNET_TEST_FULL=1 takes all.
inline bool affordable(const record::Direction& direction) { return std::getenv("PURNET_TEST_FULL") || cost(direction) < 2e6; }

// Convolutions in bf16 have kernels for sm_90 and for sm_80 (the emulator's devices 0 and 1), all other ops one for both.
inline bool differs_on_sm80(const record::OpRecord& op, DType dtype) {
    return dtype == DType::bf16 &&
           (op.name == "conv2d" || op.name == "conv2d_packed" || op.name == "conv_transpose2d" || op.name == "linear");
}

}  // namespace purnet::test
