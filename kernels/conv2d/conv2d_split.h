// The sum of a tile among several blocks (conv2d_grid.h). Each block of a tile writes its part to workspace; the one that comes last adds
// them in the order of the sum: reproducible, without an atomic on data.
#pragma once

#include "kernels/conv2d/conv2d_grid.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::conv2d::implicit {

// The part of a grid's block: tile (blockIdx.x, blockIdx.y) of product z, and steps first .. last - 1 of the sum.
struct Share {
    int z, split, splits;
    int first, last;

    __device__ Share(int splits_)
        : z(static_cast<int>(blockIdx.z) / splits_), split(static_cast<int>(blockIdx.z) % splits_), splits(splits_) {}
    __device__ void cut(int steps) {
        first = static_cast<int>(static_cast<int64_t>(steps) * split / splits);
        last = static_cast<int>(static_cast<int64_t>(steps) * (split + 1) / splits);
    }
};

// v: the sums of the first Threads threads of a block, in quads; partial[((tile splits + split) Quads + quad) Threads + thread]. True in
// the block that comes last, whose v then holds the whole sums. Every thread of the block calls it.
template <int Threads, int Quads>
__device__ __forceinline__ bool gather_parts(float (&v)[Quads][4], const Share& share, float* partial, unsigned* counter) {
    const bool owner = threadIdx.x < Threads;
    const int64_t own = (static_cast<int64_t>(share.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    float* parts = partial + own * share.splits * (Threads * Quads * 4) + 4 * threadIdx.x;
#pragma unroll
    for (int q = 0; q < Quads; ++q)
        if (owner) tile::store(parts + (share.split * Quads + q) * Threads * 4, tile::Pack<4>{{v[q][0], v[q][1], v[q][2], v[q][3]}});
    if (!tile::last_block(counter + own, static_cast<unsigned>(share.splits))) return false;
    if (!owner) return true;
#pragma unroll
    for (int q = 0; q < Quads; ++q) {
        tile::Pack<4> sum = tile::load<4>(parts + q * Threads * 4);
        for (int s = 1; s < share.splits; ++s) {
            const tile::Pack<4> part = tile::load<4>(parts + (s * Quads + q) * Threads * 4);
#pragma unroll
            for (int i = 0; i < 4; ++i) sum[i] += part[i];
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) v[q][i] = sum[i];
    }
    return true;
}

}  // namespace purnet::conv2d::implicit
