// wgmma of sm_90a, warp by warp: each warp of a warpgroup brings its 16 rows of the sums.
//
// The operands are read when a product is issued and again when it is waited for: a difference is a Fault. In between, the
// accumulators hold a mark (a NaN), so that who looks too early sees it in the result, and who writes is reported. Descriptors are read by
// a decoder of its own (the documentation's bit fields; nothing of kernels/tile/warpgroup.h): 128-byte swizzle, both major-nesses.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

struct BlockAsync;

void wgmma_fence(Site site);
void wgmma_commit(Site site);
void wgmma_wait(unsigned groups_left, Site site);
void wgmma_bf16(float* sums, int columns, uint64_t a, uint64_t b, bool a_across, bool b_across, bool accumulate, Site site);
void change_registers(int registers, bool more, Site site);

void check_products_at_exit(const BlockAsync& block, const Thread& thread);

}  // namespace purnet::emulator
