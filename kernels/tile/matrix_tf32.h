// Matrix instructions of one warp in TF32, from float32 tiles in shared memory to accumulators in registers: instructions of 16 x 8 x 8.
//
// A tile lies with either of its axes contiguous (kernels/tile/matrix.h), its lines a few floats longer than what they hold, so that the 32
// words which a warp reads at a time lie in 32 banks. Of an instruction's operand lane 4 g + t reads (g, t), and what is 4 terms or 8 rows
// on:
//     Along::k      a line is a row of `Depth` terms     word  g (Depth + 4) + t:   4 g + t    of 32 banks, where Depth is a multiple of 32
//     Along::other  a line is a term of `Size` rows      word  t (Size + 8) + g:    8 t + g    where Size is
// Operands are rounded as they are read, to the nearest, halves away from zero.
#pragma once

#include "kernels/tile/matrix.h"

namespace purnet::tile {

template <Along Axis, int Size, int Depth>
struct FloatTile {
    static_assert(Size % 32 == 0 && Depth % 32 == 0);
    static constexpr int pitch = Axis == Along::k ? Depth + 4 : Size + 8;
    static constexpr int floats = pitch * (Axis == Along::k ? Size : Depth);

    __device__ static __forceinline__ int at(int element, int k) { return Axis == Along::k ? element * pitch + k : k * pitch + element; }
};

// The 16 x 8 part of A that begins at row m0 and term k0.
template <class Tile>
__device__ __forceinline__ void load_a_tf32(uint32_t (&a)[4], const float* tile, int m0, int k0, int lane) {
    const int g = m0 + lane / 4, t = k0 + lane % 4;
    a[0] = ptx::to_tf32(tile[Tile::at(g, t)]);
    a[1] = ptx::to_tf32(tile[Tile::at(g + 8, t)]);
    a[2] = ptx::to_tf32(tile[Tile::at(g, t + 4)]);
    a[3] = ptx::to_tf32(tile[Tile::at(g + 8, t + 4)]);
}

// The 8 x 8 part of B that begins at term k0 and column n0.
template <class Tile>
__device__ __forceinline__ void load_b_tf32(uint32_t (&b)[2], const float* tile, int k0, int n0, int lane) {
    const int g = n0 + lane / 4, t = k0 + lane % 4;
    b[0] = ptx::to_tf32(tile[Tile::at(g, t)]);
    b[1] = ptx::to_tf32(tile[Tile::at(g, t + 4)]);
}

}  // namespace purnet::tile
