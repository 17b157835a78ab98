// Convolutions on sm_90a with a tile of the caller's choice: small problems get the smallest from the launcher.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::test {

size_t hopper_workspace(const conv2d::Problem& problem, conv2d::Pass pass, int groups, int columns);
// source: x, or dy for backward_data; out has bias added where one is given.
void hopper_convolve(const conv2d::Problem& problem, conv2d::Pass pass, int groups, int columns, const bf16* source, const bf16* weight,
                     const float* bias, bf16* out, void* workspace);

}  // namespace purnet::test
