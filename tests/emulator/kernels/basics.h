// Small kernels with a seeded defect each, for the emulator's own tests. All pointers are device memory.
#pragma once

#include <cstdint>

namespace purnet::seeded {

// y[i] = 2 x[i]; `beyond` threads past the end are not kept out.
void twice(const float* x, float* y, int count, int beyond);
// The same through float4, with the first element `skip` floats in.
void twice_by_4(const float* x, float* y, int count, int skip);
// Every thread writes its place: 1000000 z + 1000 y + x of the grid's threads.
void places(int* out, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz);
void launch_with(unsigned grid, unsigned block, unsigned shared_bytes);

// y = x reversed within blocks of 128, through shared memory; with_exits: only the first 96 of each block are reversed, the
// threads of the others copy theirs and leave before the barrier.
enum class Barrier { present, removed, divergent, with_exits };
void reverse_blocks(const float* x, float* y, int blocks, Barrier barrier);
// Static shared memory of 60 KB.
void too_much_static();
// Writes element 64 of a shared array of 64.
void beyond_shared(float* out);
// Tiles of 32 x 32 through float[33] rows.
void transpose(const float* x, float* y, int side);
// Producer and consumer warps over named barriers; `forget`: the producer never arrives.
void named_barriers(const int* x, int* y, int rounds, bool forget);
// __syncthreads_count, _and, _or of x[i] > 0, per block of 64.
void votes_of_block(const int* x, int* out, int blocks);

}  // namespace purnet::seeded
