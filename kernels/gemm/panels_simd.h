// How the columns of B split into panels, and the rows of the register tile over each: for the files *_simd.cpp of this room.
#pragma once

#include "kernels/simd/vec.h"

namespace purnet::gemm::PURNET_ISA_NAME {

using purnet::PURNET_ISA_NAME::lanes;

#if defined(PURNET_ISA_avx512)
constexpr int widest = 4;  // vectors of a panel
constexpr int rows_of(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 9 : 14; }
#else
constexpr int widest = 2;
constexpr int rows_of(int) { return 6; }
#endif

// Vectors of the next panel when `left` vectors remain.
inline __attribute__((always_inline)) int panel_vectors(long left) {
#if defined(PURNET_ISA_avx512)
    if (left == 4) return 4;
    return left >= 3 ? 3 : static_cast<int>(left);
#else
    return left >= 2 ? 2 : 1;
#endif
}

inline __attribute__((always_inline)) long rounded_up(long n) { return (n + lanes - 1) / lanes * lanes; }

// What comes into the second cache while a tile is computed: every step along k fetches the line at `from` and goes on by `step` bytes.
// A fetch behind the end of memory is ignored by the CPU.
struct Ahead {
    const char* from;
    long step;
    inline __attribute__((always_inline)) void fetch() {
        __builtin_prefetch(from, 0, 2);
        from += step;
    }
    Ahead(const void* first, long bytes) : from(static_cast<const char*>(first)), step(bytes) {}
};

// For `tiles` tiles over one panel: together they fetch as much again from behind it, which is the next panel or, mostly, the next
// product's first. Panels hold a vector of 4-byte lanes for each step along k, so that this is independent of K.
inline Ahead ahead_of(const void* behind_panel, int vectors, long tiles) {
    return {behind_panel, (vectors * lanes * 4 + tiles - 1) / tiles};
}

}  // namespace purnet::gemm::PURNET_ISA_NAME
