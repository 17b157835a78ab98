// A convolution by a 1x1 kernel, of stride 1 and without padding, as one product of matrices as cuBLASLt sees them, whose matrices lie
// column after column. Ours lie row after row, so that each is the library's transposed matrix: of M = N H W pixels,
//     x  (M x C)  is C x M with leading dimension C       weight (O x C)  is C x O       y  (M x O)  is O x M
//     forward           y  (O x M) = weight^T (O x C)  x (C x M)
//     backward_data     dx (C x M) = weight   (C x O)  dy (O x M)
//     backward_weights  dweight (C x O) = x   (C x M)  dy^T (M x O)        the result float32
// tests/kernels/conv2d/column_major_test.cpp computes by this description, element by element.
#pragma once

#include <optional>

#include "kernels/conv2d/conv2d.h"
#include "kernels/runtime/cuda/cublaslt.h"

namespace purnet::conv2d::implicit {

enum class Operand { x, weight, y };  // or their gradients

struct ColumnMajor {
    cuda::cublaslt::Product product;
    Operand a, b, c;
};

// Nothing where the problem is none of these.
std::optional<ColumnMajor> column_major(const Problem& problem, Pass pass, DType type);

}  // namespace purnet::conv2d::implicit
