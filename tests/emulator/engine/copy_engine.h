// The copy engine of sm_90 (TMA): tensor maps, and copies of boxes and of pixels to shared memory.
//
// A copy that is issued poisons its destination. It lands when no thread can run (late), or in shuffled schedules at any time and
// in any order; then its bytes count at its mbarrier. Reading the destination before that is seen as for cp.async; so is a source
// that changed in between, or a destination that was written.
#pragma once

#include "tests/emulator/include/cuda.h"

#include <cstdint>
#include <vector>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

// Faults where the map was not made by one of the encoding functions.
void check_map(const CUtensorMap& map, Site site);
void copy_box(uint32_t to, const CUtensorMap& map, uint32_t barrier, const std::vector<int>& at, Site site);
// at: c, w, h, n.
void copy_pixels(uint32_t to, const CUtensorMap& map, uint32_t barrier, const std::vector<int>& at, int by_w, int by_h, Site site);

// Faults where the last thread of a block leaves while copies or products are under way.
void check_block_at_exit(Thread& thread);

}  // namespace purnet::emulator
