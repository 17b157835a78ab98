// The emulator's bodies of kernels/tile/ptx.h: the same functions, in the same order.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/async.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/order.h"
#include "tests/emulator/include/cuda_runtime.h"

namespace purnet::ptx {

using emulator::Site;

inline uint32_t shared_address(const void* pointer, Site site = {}) { return emulator::shared_offset(pointer, site); }

inline void barrier_sync(unsigned id, unsigned threads, Site site = {}) { emulator::barrier_sync(id, threads, false, site); }
inline void barrier_arrive(unsigned id, unsigned threads, Site site = {}) { emulator::barrier_arrive(id, threads, site); }

}  // namespace purnet::ptx
