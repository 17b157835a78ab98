// resize_bilinear of resize_bytes.h, the anti-aliased filter for bytes of pictures of one size, as an op with twins:
//     x: bytes [images, h, w, channels] -> y: bytes [images, out_h, out_w, channels]
// The filter is the contract there: its weights are made in float64 and rounded to 22 fractional bits, everything after that is integer
// arithmetic, so the twins agree to the bit. An axis that keeps its size is copied. x and y don't overlap; y is overwritten whole. No
// derivative: bytes are data. The table's key says float32 for the lack of an activation.
// Bytes: x once, the picture that is narrow already (h x out_w) twice, y once. Integer operations: 2 max(s, 1) multiplications and
// additions an output sample and axis, s = in / out.
// Workspace: workspace_bytes(problem): on a device the weights and the narrow pictures; the CPU twin has its own memory.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::resize_picture {

struct Problem {
    int64_t h = 1, w = 1, channels = 1;
    int64_t out_h = 1, out_w = 1;
    int64_t images = 1;
};

struct Kernels {
    void (*forward)(const Problem&, const void* x, void* y, void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);
// Error: sizes below 1 or beyond what is addressed here, 2^24 rows of all pictures and pixels of a row, 2^30 bytes a row.
void check(const Problem&);

// The inputs that an axis takes for one output: at most so many.
int64_t most_taps(int64_t in, int64_t out);

}  // namespace purnet::resize_picture
