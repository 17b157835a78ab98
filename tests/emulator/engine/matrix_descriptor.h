// The shared-memory matrix descriptor of wgmma, decoded from the documentation (PTX ISA, "Asynchronous warpgroup-level matrix
// shared memory layout", "Matrix Descriptor Format", "Strides"), for bf16 with the 128-byte swizzle.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

// out[16 i + k] = element (line first + i, term k) of 16 terms: lines are rows of A or columns of B. across: the sum runs across
// the rows of the tile in memory. watched: the monitor sees it, as a read by the async proxy.
void read_matrix(uint64_t descriptor, bool across, int first, int lines, uint16_t* out, bool watched, Site site);

}  // namespace purnet::emulator
