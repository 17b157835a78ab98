// Initial values (the network's specification, 1.7):
//
//     extractor's convolutions       normal, mean 0, deviation sqrt(2 / fan_out) (He et al., ICCV 2015); biases 0
//     other convolutions             uniform in +-1 / sqrt(fan_in), weight and bias
//     batch norm                     weight 1, bias 0, running mean 0, running variance 1
//     PReLU                          0.25
//     transposed convolutions        the bilinear kernel on the channel diagonal, zero elsewhere
//
// fan_in = kH kW C / groups, fan_out = kH kW O / groups. Random numbers: Philox, one stream for every parameter's name, so that
// a value depends on seed, name and index alone.
#pragma once

#include "core/parameter.h"

namespace purnet {

void initialise(ParameterStore& store, uint64_t seed);

// One line of the bilinear kernel: 1 - |i - c| / f, f = (k + 1) / 2 in integers, c = f - 0.5 for even k, f - 1 for odd.
std::vector<double> bilinear_line(int64_t kernel);

}  // namespace purnet
