// ldmatrix and mma.sync of a warp: the last lane to come gathers the operands by the documented lane maps, computes the tile
// and scatters the results. A map that real hardware contradicts would be wrong here and in the kernels alike: until a probe
// on a device has printed them (make gpu-check), they count as unverified.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

void load_matrices(uint32_t (&r)[4], uint32_t row, bool transposed, Site site);
void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site);
void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site);

}  // namespace purnet::emulator
