// Products of matrices by cuBLASLt, where it is installed (libraries.h).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/dtype.h"

namespace purnet::cuda::cublaslt {

// C (m x n) = op(A) (m x k) op(B) (k x n), op: as it is or transposed. Element (i, j) of a stored matrix lies at i + j * leading
// dimension ("column-major"). Sums and products are float32, never TF32; parts of a sum are added in float32 and in a fixed order.
struct Product {
    int64_t m = 0, n = 0, k = 0;
    bool transpose_a = false, transpose_b = false;
    int64_t lda = 0, ldb = 0, ldc = 0;
    DType in = DType::f32, out = DType::f32;  // of A and B; of C

    auto operator<=>(const Product&) const = default;
};

// Bytes of workspace that a product is given.
inline constexpr size_t workspace = size_t{32} << 20;
inline constexpr size_t alignment = 16;  // bytes, of A, B and C

// What was found, for people.
LibraryReport report();
bool there();

// Whether the library is there and knows a kernel for it; its description is made once and kept. Not while launches are recorded.
bool takes(const Product& product);

// Launches and does not wait; nothing is allocated. Error: names the call and the library's status.
void multiply(const Product& product, const void* a, const void* b, void* c, void* workspace, void* stream);

}  // namespace purnet::cuda::cublaslt
