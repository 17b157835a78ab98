// Asynchronous copies and matrix instructions, with seeded defects, for the emulator's own tests.
#pragma once

#include <cstdint>

#include "kernels/runtime/dtype.h"

namespace purnet::seeded {

enum class Copy { right, no_wait, one_group_short, no_barrier, never_waited, misaligned, beyond };
// y = x through shared memory in stages of 32 x 16 bytes, by cp.async.
void staged_copy(const uint32_t* x, uint32_t* y, int stages, Copy copy);

// What each lane holds after ldmatrix of four matrices whose elements are 0 .. 255: out[lane][4].
void show_matrices(uint32_t* out, bool transposed);
void misaligned_matrix(uint32_t* out);

// C[m][n] = sum_k A B for 64 x 64 x k tiles; A and B with k along rows or across them.
void gemm(const bf16* a, const bf16* b, float* c, int m, int n, int k, bool a_along_k, bool b_along_k);
// One 16 x 8 x 8 product of a[16][8] and b[8][8] in tf32.
void product_tf32(const float* a, const float* b, float* c);

}  // namespace purnet::seeded
