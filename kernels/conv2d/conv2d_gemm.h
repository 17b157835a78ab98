// Convolution as a matrix product without a matrix of the whole picture: rows of A are gathered tile by tile.
//
// Forward and data gradient are both Sweeps (conv2d_sweep.h).
// K of the product is (taps, channels), cut into blocks of at most 512; a block of A (200 to 400 KB, in the second cache) is gathered
// once and used for all columns. A dense 1x1 reads its input in place. Groups are handled one after the other.
// Threads split rows and columns of the product; no two write one element and no sum is split, so results do not depend on them.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/gemm.h"

namespace purnet::conv2d::implicit {

// Weights for Pass::forward or Pass::backward_data in panels of B.
size_t packed_floats(const Problem& problem, Pass pass);
void pack(const Problem& problem, Pass pass, const float* weight, float* packed);

// Scratch for gathered rows, one part for each thread.
size_t scratch_floats(const Problem& problem, Pass pass);

// src: x or dy; out: y or dx. finish's pointers have the layout of the output; its accumulate is not used.
void run(const Problem& problem, Pass pass, const float* src, const float* packed, const gemm::Finish& finish, float* out, float* scratch);

}  // namespace purnet::conv2d::implicit
