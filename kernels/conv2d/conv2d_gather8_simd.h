#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d_gather_simd.h"

namespace purnet::conv2d {

PURNET_SIMD(
    // Rows of 8-bit products (kernels/gemm/gemm_int8.h): to + (m - begin) * row_bytes holds the pieces of row m, one after the other, of
    // source pixels outside the picture `zero`; as bytes, or (words) as the 16-bit differences from `zero`. What a row has behind the
    // pieces is 0.
    void gather_bytes(bool words, int zero, const Grid& grid, const uint8_t* source, const Piece* pieces, long piece_count, long begin,
                      long end, void* to, long row_bytes);)

}  // namespace purnet::conv2d
