// Tensor maps: what the copy engine of sm_90 (TMA) is told about a tensor, once, on the host. A kernel then names a place, and
// the engine brings the box that lies there to shared memory (ptx::copy_box, ptx::copy_pixels): addresses, borders and swizzle are its
// business, no register and no branch of the kernel's.
//
// All maps here are of bf16 elements, with the 128-byte swizzle of swizzle.h: a box is rows of 64 elements (128 bytes), one
// after the other, chunk c of row r at place c ^ (r % 8); what lies outside the tensor is zero. Axes are named fastest first.
//
// Limits of the engine (driver API, cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col): the tensor and all its strides are multiples
// of 16 bytes, a box has at most 256 elements along an axis. They are the caller's to keep; an Error names what the driver refused.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <initializer_list>

#include "kernels/tile/pixel_grid.h"

namespace purnet::tile {

// A packed tensor of `sizes`; box[0] is map_row.
CUtensorMap box_map(const void* tensor, std::initializer_list<int64_t> sizes, std::initializer_list<int> box);

CUtensorMap pixel_map(const void* tensor, const PixelGrid& grid, int pixels);

}  // namespace purnet::tile
