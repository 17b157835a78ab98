// Kernels over pictures N,H,W,C that give each output vector to one thread: a block covers part of one row of one picture, so that
// a thread needs a single division to find its place, and neighbouring lanes lie on neighbouring channels, then pixels.
#pragma once

#include "kernels/runtime/cuda/launch.h"
#include "kernels/tile/vector.h"

namespace purnet::tile {

struct PictureShape {
    int n, h, w, c;
};

// The place of a thread in a grid made by picture_grid; `inside` is false beyond the row's end.
struct PicturePlace {
    int n, h, w, c;
    bool inside;
};
template <int V>
__device__ __forceinline__ PicturePlace picture_place(const PictureShape& shape) {
    const unsigned vectors = static_cast<unsigned>(shape.c) / V, at = blockIdx.x * blockDim.x + threadIdx.x, w = at / vectors;
    return {static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y), static_cast<int>(w), static_cast<int>(at - w * vectors) * V,
            w < static_cast<unsigned>(shape.w)};
}
__device__ __forceinline__ int64_t index_of(const PictureShape& shape, int n, int h, int w, int c) {
    return ((static_cast<int64_t>(n) * shape.h + h) * shape.w + w) * shape.c + c;
}

inline PictureShape picture_shape(int64_t n, int64_t h, int64_t w, int64_t c) {
    require(n <= 65535 && h <= 65535 && w * c < (int64_t{1} << 31), "a picture of ", n, " x ", h, " x ", w, " x ", c,
            " is too large for one launch");
    return {static_cast<int>(n), static_cast<int>(h), static_cast<int>(w), static_cast<int>(c)};
}
template <int V>
dim3 picture_grid(const PictureShape& shape, unsigned threads) {
    return {cuda::blocks_for(static_cast<int64_t>(shape.w) * (shape.c / V), threads), static_cast<unsigned>(shape.h),
            static_cast<unsigned>(shape.n)};
}

}  // namespace purnet::tile
