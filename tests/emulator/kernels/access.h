// Kernels whose order or cost of accesses is known, for the emulator's own tests.
#pragma once

namespace purnet::seeded {

// Lanes write shared memory and read their mirror lane's place.
enum class Exchange { syncwarp, shuffle, other_warp };
void exchange_in_warp(int* out, Exchange exchange);

// Block 1 waits for a flag that block 0 sets after it wrote data.
void hand_over(int* data, unsigned* flag, int* out, bool release);

// y[i] = x[i stride].
void copy_strided(const float* x, float* y, int count, int stride);
// 32 x 32 through rows of 32 + padding floats.
void transpose_padded(const float* x, float* y, int padding);

}  // namespace purnet::seeded
