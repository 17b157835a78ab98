// Products of a warpgroup (wgmma, sm_90a): 128 threads multiply straight from shared memory; no fragment of an operand passes
// through registers, which hold sums alone.
//
// Both operands are tiles of rows of 128 bytes (64 bf16) with the 128-byte swizzle, as the copy engine writes them (tensor_map.h),
// at multiples of 1024 bytes. As with ldmatrix (matrix.h) the axis of the sum runs along the rows (Along::k) or across them
// (Along::other). An instruction sums 16 terms, so a row, or 64 rows, of a tile are four instructions:
//
//     Along::k       rows are m (or n); terms 16 s .. 16 s + 15 are bytes 32 s .. 32 s + 31 of every row
//     Along::other   rows are k; terms 16 s .. are rows 16 s ..; more than 64 m (or n) lie in further panels of 64 columns
//
// The swizzle is a function of the address (bits 4-6 ^= bits 7-9), so stepping within a row needs no arithmetic but an addition.
#pragma once

#include "kernels/tile/matrix.h"
#include "kernels/tile/ptx_sm90.h"

namespace purnet::tile {

// The 64-bit matrix descriptor of wgmma (PTX ISA, "Matrix Descriptor Format"), each length in units of 16 bytes:
//     bits 0-13   address of the first row                bits 62-63   1: 128-byte swizzle
//     bits 16-29  leading offset: from a panel of 64 columns to the next, Along::other; not looked at Along::k
//     bits 32-45  stride offset: from 8 rows to the next 8
//     bits 49-51  0: the swizzle's pattern begins at a multiple of 1024 bytes
__host__ __device__ constexpr uint64_t matrix_descriptor(uint32_t address, uint32_t panel_bytes, uint32_t eight_rows_bytes) {
    const auto field = [](uint32_t bytes) { return static_cast<uint64_t>((bytes & 0x3ffffu) >> 4); };
    return field(address) | field(panel_bytes) << 16 | field(eight_rows_bytes) << 32 | uint64_t{1} << 62;
}

// Of the 16 terms that begin at term 16 `step` of a tile whose panels lie panel_bytes apart.
template <Along Axis>
__device__ __forceinline__ uint64_t describe_step(uint32_t tile, int step, uint32_t panel_bytes = 0) {
    const uint32_t offset = static_cast<uint32_t>(step) * (Axis == Along::k ? 32u : 16u * 128u);
    return matrix_descriptor(tile + offset, Axis == Along::k ? 16u : panel_bytes, 8 * 128);
}

// The sums of one thread of a warpgroup: 64 x Columns.
template <int Columns>
struct GroupAccumulator {
    static constexpr int count = Columns / 2;
    float at[count];

    __device__ static __forceinline__ int row(int thread, int i) { return thread / 32 * 16 + thread % 32 / 4 + 8 * (i / 2 % 2); }
    __device__ static __forceinline__ int column(int thread, int i) { return i / 4 * 8 + 2 * (thread % 4) + i % 2; }
};

// Issues sum += A B over 64 terms: A's 64 rows (or columns) at tile_a, B's Columns at tile_b. A fence before, a commit after.
template <Along AxisA, Along AxisB, int Columns>
__device__ __forceinline__ void multiply_tile(GroupAccumulator<Columns>& sum, uint32_t tile_a, uint32_t tile_b, bool accumulate) {
    constexpr uint32_t panel = 64 * 128;
#pragma unroll
    for (int step = 0; step < 4; ++step)
        ptx::wgmma_bf16<AxisA == Along::other, AxisB == Along::other>(sum.at, describe_step<AxisA>(tile_a, step, panel),
                                                                      describe_step<AxisB>(tile_b, step, panel), accumulate || step > 0);
}

}  // namespace purnet::tile
