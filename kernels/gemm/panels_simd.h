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

}  // namespace purnet::gemm::PURNET_ISA_NAME
