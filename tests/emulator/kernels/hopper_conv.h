// Convolutions on sm_90a with a tile of the caller's choice: small problems get the smallest from the launcher.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace purnet::test {

size_t hopper_workspace(const conv2d::Problem& problem, conv2d::Pass pass, int groups, int columns);
// source: x, or dy for backward_data; before and after may be null.
struct HopperOperands {
    const bf16 *source, *weight;
    const float* bias;
    const bf16 *before, *after;
};
// most_parts: so many blocks at most share out a sum. Forward, or backward_data.
void hopper_convolve(const conv2d::Problem& problem, conv2d::Pass pass, int groups, int columns, int most_parts, const HopperOperands& in,
                     float slope, bf16* out, void* workspace);

void hopper_weight_gradient(const conv2d::Problem& problem, int groups, int columns, int most_parts, const bf16* x, const bf16* dy,
                            float* dweight, void* workspace);

}  // namespace purnet::test
