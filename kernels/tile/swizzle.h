// Swizzles: where the 16-byte chunks of a tile lie in shared memory.
//
// Shared memory has 32 banks of 4 bytes. A warp reads or writes 16 bytes a lane in four turns of eight lanes, and a turn is free
// of conflicts when its eight chunks lie in eight different groups of four banks, that is, differ in address bits 4 to 6. Take
// a tile of rows of 128 bytes, row r at 128 r: chunk c of every row has the same bits 4 to 6, so eight lanes that read chunk c
// of eight rows (what ldmatrix does) meet in one group: eight turns instead of one. Storing chunk c of row r at place c ^ (r % 8)
// spreads any eight rows over all eight groups, and a row written as a whole still covers them all:
//
//     row 0   0 1 2 3 4 5 6 7
//     row 1   1 0 3 2 5 4 7 6
//     row 2   2 3 0 1 6 7 4 5
//     ...
//
// In address bits: bits 4 to 6 are XORed with bits 7 to 9. Rows of 64 bytes use two bits (4, 5 with 7, 8), rows of 32 bytes one
// (4 with 7): two or four rows share a line of 128 bytes there. These are the patterns that the copy engine of sm_90 writes and
// wgmma reads (CU_TENSOR_MAP_SWIZZLE_128B, 64B, 32B); a tile begins at a multiple of 1024 bytes.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace purnet::tile {

// Byte offset in a tile of rows of RowBytes (32, 64, 128) of the 16-byte chunk `chunk` of row `row`.
template <int RowBytes>
__host__ __device__ constexpr uint32_t swizzled(uint32_t row, uint32_t chunk) {
    static_assert(RowBytes == 32 || RowBytes == 64 || RowBytes == 128);
    const uint32_t offset = row * RowBytes + chunk * 16;
    return offset ^ ((offset >> 7 & (RowBytes / 16 - 1)) << 4);
}

}  // namespace purnet::tile
