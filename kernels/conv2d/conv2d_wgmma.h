// The implicit product on the tensor cores of sm_90a: forward, and data gradient of stride 1, bf16 operands, float32 sums.
//
// A block owns 64 Groups x Columns of C: Groups warpgroups, 64 x Columns each, whose sums stay in registers (Columns / 2 a
// thread), and one more warp, the producer. The sum runs in steps of 64 channels under one tap. For each, one thread of the
// producer names two boxes to the copy engine (kernels/tile/tensor_map.h), which brings them to a stage of a ring
// (kernels/tile/ring.h): 64 Groups pixels as the convolution meets them under that tap, and the weights of the tap. The
// warpgroups multiply straight from there (kernels/tile/warpgroup.h), one step running while the next is issued; a stage goes
// back when the products that read it are done. No address, border or swizzle is computed by a thread, and there is no barrier
// of the block in the loop.
//
//     forward         row = output pixel   step = (ky, kx, 64 of i)   weights: box of Columns rows o, 64 i each; sum along the rows
//     data gradient   row = input pixel    step = (ky, kx, 64 of o)   weights: box of 64 rows o, Columns i; sum across the rows
//
// The data gradient is a correlation of dy whose taps run backwards: its first tap is the weights' last.
//
// Written are row_at and put of the product (conv2d_products.h), as by conv2d_mma.h, and sums are shared out among blocks as there.
// Channels beyond the last are zeros in both operands: C (or O) below 64 costs as 64. FLOPs 2 rows columns depth; bytes
// from global memory: A once for each `Columns`, B once for each 64 Groups rows; 128 bytes of shared memory for each of
// 64 Groups + Columns lines a stage. The order of an element's sum is that of the steps: the same bits always.
#pragma once

#include "kernels/conv2d/conv2d_products.h"
#include "kernels/conv2d/conv2d_split.h"
#include "kernels/tile/ring.h"
#include "kernels/tile/tensor_map.h"
#include "kernels/tile/warpgroup.h"

namespace purnet::conv2d::implicit {

template <int Groups_, int Columns_>
struct WgmmaTile {
    static constexpr int groups = Groups_, columns = Columns_;
    static constexpr int rows = 64 * groups, consumers = 128 * groups, threads = consumers + 32;
    static constexpr int line_bytes = 128;
    static constexpr uint32_t a_bytes = rows * line_bytes, stage_bytes = (rows + columns) * line_bytes;
    static constexpr int stages = 4;
    static constexpr int resident = columns == 128 ? 1 : 4 - groups;  // blocks a multiprocessor, by shared memory and registers
    using Ring = tile::Ring<stages>;
    static constexpr size_t shared = stages * stage_bytes + Ring::bytes;
    static_assert(stage_bytes % 1024 == 0);
};

// How the sum is walked: steps are (tap row, tap column, chunk of 64 channels), chunk fastest.
struct WgmmaSteps {
    int kernel_columns, taps, chunks, dilation;

    __host__ __device__ int count() const { return taps * chunks; }
};

// The first place in the source that any tap meets, less the place's own.
__host__ __device__ inline int first_of(const Axis& axis) {
    const int last = axis.origin + (axis.taps - 1) * axis.step;
    return axis.step < 0 ? last : axis.origin;
}

// The producer's thread: names the boxes of each step to the copy engine.
template <bool Forward, class Tile>
__device__ __forceinline__ void produce(const CUtensorMap* pixels, const CUtensorMap* weights, const Correlation<bf16, Forward>& product,
                                        const WgmmaSteps& steps, const Share& share, const typename Tile::Ring& ring, uint32_t base,
                                        int64_t row0, int column0) {
    ptx::prefetch_map(pixels);
    ptx::prefetch_map(weights);
    const PixelWalk at(row0, product.view);
    const int h = at.p * product.view.y.scale + first_of(product.view.y), w = at.q * product.view.x.scale + first_of(product.view.x);
    for (int step = share.first; step < share.last; ++step) {
        const int turn = step - share.first;
        const int tap = step / steps.chunks, channel = (step - tap * steps.chunks) * tile::map_row;
        const int ky = tap / steps.kernel_columns, kx = tap - ky * steps.kernel_columns;
        const uint32_t a = base + ring.stage(turn) * Tile::stage_bytes, b = a + Tile::a_bytes;
        ring.wait_empty(turn);
        ring.expect(turn, Tile::stage_bytes);
        ptx::copy_pixels(a, pixels, ring.full(turn), channel, w, h, at.n, kx * steps.dilation, ky * steps.dilation);
        if constexpr (Forward) {
            ptx::copy_box(b, weights, ring.full(turn), channel, tap, column0);
        } else {
#pragma unroll
            for (int panel = 0; panel < Tile::columns / 64; ++panel)
                ptx::copy_box(b + static_cast<uint32_t>(panel * 64 * Tile::line_bytes), weights, ring.full(turn), column0 + 64 * panel,
                              steps.taps - 1 - tap, channel);
        }
    }
}

// Grid (row tiles, column tiles, splits).
template <bool Forward, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::resident)
    wgmma_kernel(const __grid_constant__ CUtensorMap pixels, const __grid_constant__ CUtensorMap weights,
                 Correlation<bf16, Forward> product, WgmmaSteps steps, int splits, float* partial, unsigned* counter) {
    if constexpr (ptx::sm90a) {
        SHARED_DYNAMIC(unsigned char, memory);
        Share share(splits);
        product.select(share.z);
        const int64_t row0 = static_cast<int64_t>(blockIdx.x) * Tile::rows;
        const int column0 = static_cast<int>(blockIdx.y) * Tile::columns;
        share.cut(steps.count());

        const uint32_t base = ptx::shared_address(memory);
        const typename Tile::Ring ring{base + Tile::stages * Tile::stage_bytes};
        const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
        if (thread == 0) ring.init(Tile::consumers / 32);
        __syncthreads();

        tile::GroupAccumulator<Tile::columns> sum{};
        if (thread < Tile::consumers) {
            const uint32_t own_rows = static_cast<uint32_t>(thread) / 128 * 64 * Tile::line_bytes;
            for (int step = share.first; step < share.last; ++step) {
                const int turn = step - share.first;
                ring.wait_full(turn);
                const uint32_t stage = base + ring.stage(turn) * Tile::stage_bytes;
                ptx::wgmma_fence();
                tile::multiply_tile<tile::Along::k, Forward ? tile::Along::k : tile::Along::other>(sum, stage + own_rows,
                                                                                                   stage + Tile::a_bytes, true);
                ptx::wgmma_commit();
                ptx::wgmma_wait<1>(sum.at);  // the step before is done, and its stage with it
                if (turn > 0 && lane == 0) ring.release(turn - 1);
            }
            ptx::wgmma_wait<0>(sum.at);
        } else {
            if (lane == 0) produce<Forward, Tile>(&pixels, &weights, product, steps, share, ring, base, row0, column0);
            __syncwarp();  // what follows may be a barrier of the block, which a warp meets as one
        }

        float v[Tile::columns / 8][4];
#pragma unroll
        for (int q = 0; q < Tile::columns / 8; ++q)
#pragma unroll
            for (int e = 0; e < 4; ++e) v[q][e] = sum.at[4 * q + e];
        if (splits > 1 && !gather_parts<Tile::consumers, Tile::columns / 8>(v, share, partial, counter)) return;
        if (thread >= Tile::consumers) return;
            // Elements 0 and 1 of a quad are neighbours in one row, 2 and 3 eight rows below.
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int64_t at = product.row_at(row0 + sum.row(thread, 2 * half));
            if (at < 0) continue;
#pragma unroll
            for (int q = 0; q < Tile::columns / 8; ++q) {
                float pair[2] = {v[q][2 * half], v[q][2 * half + 1]};
                product.put(at, column0 + sum.column(thread, 4 * q), pair);
            }
        }
    }
}

}  // namespace purnet::conv2d::implicit
