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

namespace purnet::tile {

inline constexpr int map_row = 64;  // elements of a row of a box

// A packed tensor of `sizes`; box[0] is map_row.
CUtensorMap box_map(const void* tensor, std::initializer_list<int64_t> sizes, std::initializer_list<int> box);

// A picture N,H,W,C as the rows of an implicit product: `pixels` places one after the other, 64 channels each. Places are those of
// an out_h x out_w grid in every picture, `stride` apart, the first at (first_h, first_w), which may lie outside.
struct PixelGrid {
    int64_t n, h, w, c;
    int64_t out_h, out_w;
    int stride;
    int first_h, first_w;

    // The engine's two corners of the grid: distances of its first place from (0, 0), and of its last from (h - 1, w - 1).
    int64_t last_h() const { return first_h + (out_h - 1) * stride - (h - 1); }
    int64_t last_w() const { return first_w + (out_w - 1) * stride - (w - 1); }
};
// Whether the engine can express the grid with displacements up to (most_h, most_w).
bool fits_pixel_map(const PixelGrid& grid, int64_t most_h, int64_t most_w);
CUtensorMap pixel_map(const void* tensor, const PixelGrid& grid, int pixels);

}  // namespace purnet::tile
