// Warp collectives, atomics and the last-block finish, with seeded defects, for the emulator's own tests.
#pragma once

#include <cstdint>

namespace purnet::seeded {

// out[form][lane]: what lane gets of values lane + 100, for the shuffle forms i, u, d, x with this operand and width.
void shuffles(int* out, int operand, int width);
// The same types through a shuffle: float, double, 64-bit integers. out: 0 where every lane got its neighbour's value.
void shuffle_types(int* out);
// ballot, any, all, match_any, reductions over lanes of x; 8 results a lane.
void votes(const int* x, unsigned* out);
// Two halves of each warp in their own loops of different length, each with its own mask.
void halves(const int* x, int* out);

enum class Mask { right, without_caller, of_absent_lane, different, reads_outside, other_site };
void wrong_masks(int* out, Mask mask);

// Sum of x by warp shuffles, shared partials and a barrier; one block per 1024 values; out[block].
void block_sums(const float* x, float* out, int count);

enum class Fence { present, missing_release, missing_acquire };
// Sum of everything, finished by the block that comes last, in a fixed order. counter starts at 0 and ends at 0.
void last_block_sum(const float* x, float* partial, float* out, unsigned* counter, int count, Fence fence);
void histogram(const unsigned char* x, int* bins, int count);
// Every atomic function once a thread on its own word of `words`.
void atomics(int* ints, unsigned* words, unsigned long long* longs, float* floats, double* doubles, int threads);

// All threads of all blocks add 1 to one word without an atomic.
void racing_blocks(int* word, int blocks);
void racing_threads(int* word);

}  // namespace purnet::seeded
