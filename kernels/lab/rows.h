// A block of 256 threads as 8 rows of 32 lanes: one warp a row, its lanes on neighbouring columns of a tensor.
#pragma once

#include <cuda_runtime.h>

#include "kernels/runtime/cuda/shared.h"

namespace purnet::lab {

inline constexpr int lanes = 32, thread_rows = 8;

// Combines the 8 values of a column, row after row; every thread gets its column's. The whole block must call it.
template <class Op, class T>
__device__ __forceinline__ T down_the_rows(T v) {
    SHARED(T[lanes], part, thread_rows);
    const int lane = static_cast<int>(threadIdx.x) % lanes, row = static_cast<int>(threadIdx.x) / lanes;
    __syncthreads();  // a result of the call before may still be read
    part[row][lane] = v;
    __syncthreads();
    T all = part[0][lane];
    for (int r = 1; r < thread_rows; ++r) all = Op::combine(all, part[r][lane]);
    return all;
}

}  // namespace purnet::lab
