// The copy engine, mbarriers and wgmma of sm_90a, with seeded defects, for the emulator's own tests.
#pragma once

#include <cstdint>

#include "kernels/runtime/dtype.h"

namespace purnet::seeded {

enum class Hopper {
    right,
    no_wait_for_copies,
    consumer_parity,
    producer_parity,
    too_many_bytes,
    too_few_bytes,
    second_arrival,
    no_init_fence,
    no_init,
    early_release,
    operand_overwritten,
    sums_read_early,
    sums_written_early,
    no_wgmma_fence,
    no_wgmma_wait,
    silent_warp,
    misaligned_descriptor,
    misaligned_box,
    no_map,
    copy_never_waited,
};
// C[64][n] = sum over k of A B, n 64 or 128, by a producer thread and a warpgroup over a ring of two stages. A is 64 x k (or
// k x 64), B is n x k (or k x n): with k along rows or across them. k need not be a multiple of 64.
void hopper_product(const bf16* a, const bf16* b, float* c, int n, int k, bool a_along_k, bool b_along_k, Hopper defect);

// One product 64 x 64 x 64 of operands that threads write to shared memory.
enum class ProxyFence { by_writers, by_readers, missing };
void written_product(const bf16* a, const bf16* b, float* c, ProxyFence fence);

// A column of 64 pixels from place `first` of the grid on, channels c0 .. c0 + 63, displaced: out[64][64]. The first three numbers of
// `at` are n, h, w of its first pixel.
struct PixelPlace {
    int n, h, w, c0, by_h, by_w;
};
void show_pixels(const bf16* x, bf16* out, int64_t n, int64_t h, int64_t w, int64_t c, int64_t out_h, int64_t out_w, int stride,
                 int first_h, int first_w, PixelPlace place);
// The box of 64 x 8 of a rows x columns matrix at (row, column), either of which may lie outside.
void show_box(const bf16* x, bf16* out, int64_t rows, int64_t columns, int row, int column);

}  // namespace purnet::seeded
