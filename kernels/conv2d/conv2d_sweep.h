// Convolution seen as products of matrices whose rows are gathered: what products of every number type (float32, 8-bit) share.
//
// Forward and data gradient are one computation, a Sweep: out(n, p, q, :) = sum over taps of src(n, p*step + dy, q*step + dx, :) * B_tap.
//   forward:        p, q run over y; step = stride; dy = ky*d - top; B_tap(c, o) = weight[o, tap, c]
//   backward_data:  one sweep for each of the stride x stride phases (a, b) of dx: dx pixel (a + s p, b + s q), step 1,
//                   dy = (a + top - ky*d) / s for the ky where that divides; B_tap(o, c) = weight[o, tap, c]
// One group of the channels; groups are handled one after the other.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_gather_simd.h"

namespace purnet::conv2d {

struct Tap {
    int64_t dy, dx, index;  // index in the kernel: ky * kw + kx
};

struct Sweep {
    Grid grid;
    std::vector<Tap> taps;
    int64_t pictures = 1;
    int64_t in = 1, out = 1;  // channels of one group
    bool in_place = false;    // rows of A are the source's pixels
    int64_t out_step = 1;     // pixel (p, q) goes to row first_row + p * out_step, ...
    int64_t first_row = 0, first_column = 0;
    int64_t out_height = 0, out_width = 0, out_stride = 0;

    int64_t rows() const { return pictures * grid.rows * grid.columns; }
    int64_t depth() const { return static_cast<int64_t>(taps.size()) * in; }
};

std::vector<Sweep> sweeps_of(const Problem& problem, Pass pass);

// Outputs of rows m .. of the sweep as far as they lie at one distance from each other.
struct Segment {
    int64_t count;
    int64_t at;      // elements from the start of the output
    int64_t stride;  // elements from row to row
};
Segment segment_from(const Sweep& sweep, int64_t m, int64_t end);

// How the threads share rows x columns of a product: the split whose largest part takes the least time, arithmetic and reading together.
struct Split {
    int64_t rows = 1, columns = 1;
    std::vector<int64_t> column_borders;
};
// next_panel(columns, column): where panels of B begin (gemm::Functions).
Split split_for(int64_t rows, int64_t columns, int threads, long (*next_panel)(long, long));

// Rows of A, of `row_bytes` bytes, that one block holds at most. Every block reads all weights once more: long blocks, within a third of
// the second cache.
int64_t most_rows_of_block(int64_t row_bytes);
// `rows` in as few blocks of at most `most` rows as there can be, and those of nearly one size, a multiple of the register tile: a last
// block of few rows would read all weights for them.
int64_t rows_of_block(int64_t rows, int64_t most);

}  // namespace purnet::conv2d
