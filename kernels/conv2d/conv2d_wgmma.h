// The implicit product on the tensor cores of sm_90a: forward, data gradient of stride 1 and weight gradient, bf16 operands, float32 sums.
//
// A block owns 64 Groups x Columns of C: Groups warpgroups, 64 x Columns each, whose sums stay in registers (Columns / 2 a
// thread), and one more warp, the producer. The sum runs in steps of 64 terms. For each, one thread of the producer names the
// boxes of both operands to the copy engine (kernels/tile/tensor_map.h), which brings them to a stage of a ring
// (kernels/tile/ring.h). The warpgroups multiply straight from there (kernels/tile/warpgroup.h), one step running while the next
// is issued; a stage goes back when the products that read it are done. No address, border or swizzle is computed by a thread, and there
// is no barrier of the block in the loop.
//
//     forward          row = output pixel   step = (ky, kx, 64 of i)   A: pixels under the tap, along i
//                                                                      B: box of Columns rows o, along i
//     data gradient    row = input pixel    step = (ky, kx, 64 of o)   A: pixels under the tap, along o
//                                                                      B: box of 64 rows o, across them, Columns i
//     weight gradient  row = o              step = 64 output pixels    A: box of 64 pixels of dy, across them, 64 Groups o
//                      column = i under one tap (ky, kx)               B: pixels of x under that tap, across them, Columns i
//
// The data gradient is a correlation of dy whose taps run backwards: its first tap is the weights' last. A block of the weight gradient
// stays under its tap: blockIdx.y counts taps and tiles of i, tiles fastest.
//
// Written are row_at and put of the product (conv2d_products.h), as by conv2d_mma.h, and sums are shared out among blocks as there.
// Channels (or pixels) beyond the last are zeros in both operands: C or O below 64 costs as 64. FLOPs 2 rows columns depth; bytes
// from global memory: A once for each `Columns`, B once for each 64 Groups rows; 128 bytes of shared memory for each of
// 64 Groups + Columns lines a stage. The order of an element's sum is that of the steps: the same bits always.
#pragma once

#include "kernels/conv2d/conv2d_norm_sums.h"
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
    static constexpr uint32_t panel_bytes = 64 * line_bytes;  // of 64 lines; of A, a warpgroup's own
    static constexpr uint32_t a_bytes = rows * line_bytes, stage_bytes = (rows + columns) * line_bytes;
    static constexpr int stages = 4;
    static constexpr int resident = columns == 128 ? 1 : 4 - groups;  // blocks a multiprocessor, by shared memory and registers
    using Ring = tile::Ring<stages>;
    static constexpr size_t shared = stages * stage_bytes + Ring::bytes;
    static_assert(stage_bytes % 1024 == 0);
};

// A step of a correlation is (tap row, tap column, chunk of 64 channels), a column tile of a weight gradient (tap row, tap column, chunk
// of Columns channels): chunk fastest.
struct WgmmaSteps {
    int kernel_columns, chunks, dilation;
    int count;  // of the whole sum
};

struct TapChunk {
    int ky, kx, tap, chunk;

    __device__ __forceinline__ TapChunk(int number, const WgmmaSteps& steps) {
        tap = number / steps.chunks, chunk = number - tap * steps.chunks;
        ky = tap / steps.kernel_columns, kx = tap - ky * steps.kernel_columns;
    }
};

// The first place in the source that any tap meets, less the place's own.
__host__ __device__ inline int first_of(const Axis& axis) {
    const int last = axis.origin + (axis.taps - 1) * axis.step;
    return axis.step < 0 ? last : axis.origin;
}

// The pixel of the source that the first tap meets at place `number` of the product's pixels.
struct FirstTap {
    int n, h, w;

    __device__ __forceinline__ FirstTap(int64_t number, const View& view) {
        const PixelWalk at(number, view);
        n = at.n, h = at.p * view.y.scale + first_of(view.y), w = at.q * view.x.scale + first_of(view.x);
    }
};

// What differs from direction to direction: along which axis the operands lie, and how one thread names the boxes of a step to the copy
// engine. `pixels`: of the operand that the taps move over; `box`: of the other.
template <class Product>
struct WgmmaDirection;

template <bool Forward>
struct WgmmaDirection<Correlation<bf16, Forward>> {
    static constexpr tile::Along a_axis = tile::Along::k, b_axis = Forward ? tile::Along::k : tile::Along::other;
    const Correlation<bf16, Forward>& product;
    const WgmmaSteps& steps;
    int column0;  // of the result
    FirstTap at;

    template <class Tile>
    __device__ __forceinline__ WgmmaDirection(Tile, const Correlation<bf16, Forward>& product_, const WgmmaSteps& steps_)
        : product(product_),
          steps(steps_),
          column0(static_cast<int>(blockIdx.y) * Tile::columns),
          at(static_cast<int64_t>(blockIdx.x) * Tile::rows, product_.view) {}

    template <class Tile>
    __device__ __forceinline__ void copy(const CUtensorMap* pixels, const CUtensorMap* box, int step, uint32_t a, uint32_t full) const {
        const TapChunk k(step, steps);
        const uint32_t b = a + Tile::a_bytes;
        const int channel = k.chunk * tile::map_row;
        ptx::copy_pixels(a, pixels, full, channel, at.w, at.h, at.n, k.kx * steps.dilation, k.ky * steps.dilation);
        if constexpr (Forward) {
            ptx::copy_box(b, box, full, channel, k.tap, column0);
        } else {
            const int last = steps.count / steps.chunks - 1;
#pragma unroll
            for (int panel = 0; panel < Tile::columns / 64; ++panel)
                ptx::copy_box(b + static_cast<uint32_t>(panel) * Tile::panel_bytes, box, full, column0 + 64 * panel, last - k.tap, channel);
        }
    }
    __device__ __forceinline__ void put(int64_t row_at, int column, float (&v)[2]) const { product.put(row_at, column0 + column, v); }
};

template <bool Forward>
struct WgmmaDirection<MergedCorrelation<bf16, Forward>> : WgmmaDirection<Correlation<bf16, Forward>> {
    using One = WgmmaDirection<Correlation<bf16, Forward>>;
    const MergedCorrelation<bf16, Forward>& merged;

    template <class Tile>
    __device__ __forceinline__ WgmmaDirection(Tile tile, const MergedCorrelation<bf16, Forward>& product_, const WgmmaSteps& steps_)
        : One(tile, product_, steps_), merged(product_) {}
    __device__ __forceinline__ void put(int64_t row_at, int column, float (&v)[2]) const { merged.put(row_at, One::column0 + column, v); }
};

template <>
struct WgmmaDirection<GradientWithSums<bf16>> : WgmmaDirection<Correlation<bf16, false>> {
    using WgmmaDirection<Correlation<bf16, false>>::WgmmaDirection;
};

template <>
struct WgmmaDirection<WeightGradient<bf16>> {
    static constexpr tile::Along a_axis = tile::Along::other, b_axis = tile::Along::other;
    const WeightGradient<bf16>& product;
    const WgmmaSteps& steps;
    TapChunk own;  // of the block
    int row0, channel0;

    template <class Tile>
    __device__ __forceinline__ WgmmaDirection(Tile, const WeightGradient<bf16>& product_, const WgmmaSteps& steps_)
        : product(product_),
          steps(steps_),
          own(static_cast<int>(blockIdx.y), steps_),
          row0(static_cast<int>(blockIdx.x) * Tile::rows),
          channel0(own.chunk * Tile::columns) {}

    template <class Tile>
    __device__ __forceinline__ void copy(const CUtensorMap* pixels, const CUtensorMap* box, int step, uint32_t a, uint32_t full) const {
        const uint32_t b = a + Tile::a_bytes;
        const FirstTap at(static_cast<int64_t>(step) * 64, product.view);
#pragma unroll
        for (int panel = 0; panel < Tile::groups; ++panel)
            ptx::copy_box(a + static_cast<uint32_t>(panel) * Tile::panel_bytes, box, full, row0 + 64 * panel, step * 64);
#pragma unroll
        for (int panel = 0; panel < Tile::columns / 64; ++panel)
            ptx::copy_pixels(b + static_cast<uint32_t>(panel) * Tile::panel_bytes, pixels, full, channel0 + 64 * panel, at.w, at.h, at.n,
                             own.kx * steps.dilation, own.ky * steps.dilation);
    }
    // Columns beyond the last channel are the next tap's, whose own block writes them.
    __device__ __forceinline__ void put(int64_t row_at, int column, float (&v)[2]) const {
        if (channel0 + column < product.view.channels) product.put(row_at, own.tap * product.view.channels + channel0 + column, v);
    }
};

// In code for anything but sm_90a the kernel is empty, and cannot be launched with a block of the tile: whoever asks how many threads it
// takes knows (conv2d_sm90.cu), and whoever does not ask gets an error, not a result that nobody wrote.
template <class Tile>
constexpr int launchable_threads = ptx::sm90a ? Tile::threads : 32;

// Of each convolution of a launch.
template <int Convolutions>
struct WgmmaMaps {
    CUtensorMap pixels[Convolutions], box[Convolutions];
};

// Grid (row tiles, column tiles, products x splits).
template <class Product, class Tile>
__global__ void __launch_bounds__(launchable_threads<Tile>, Tile::resident)
    wgmma_kernel(const __grid_constant__ WgmmaMaps<Product::most> maps, Product product, WgmmaSteps steps, int splits, float* partial,
                 unsigned* counter) {
    if constexpr (ptx::sm90a) {
        SHARED_DYNAMIC(unsigned char, memory);
        Share share(splits);
        product.select(share.z);
        if (product.beyond(static_cast<int>(blockIdx.y) * Tile::columns)) return ptx::wait_for_launches();
        share.cut(steps.count);
        const CUtensorMap *const pixels = maps.pixels + product.selected(), *const box = maps.box + product.selected();
        using Direction = WgmmaDirection<Product>;
        const Direction direction(Tile{}, product, steps);

        const uint32_t base = ptx::shared_address(memory);
        const typename Tile::Ring ring{base + Tile::stages * Tile::stage_bytes};
        const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
        if (thread == 0) {
            ptx::prefetch_map(pixels);
            ptx::prefetch_map(box);
            ring.init(Tile::consumers / 32);
        }
        __syncthreads();
        ptx::wait_for_launches();

        tile::GroupAccumulator<Tile::columns> sum{};
        if (thread < Tile::consumers) {
            const uint32_t own_rows = static_cast<uint32_t>(thread) / 128 * Tile::panel_bytes;
            for (int step = share.first; step < share.last; ++step) {
                const int turn = step - share.first;
                ring.wait_full(turn);
                const uint32_t stage = base + ring.stage(turn) * Tile::stage_bytes;
                ptx::wgmma_fence();
                tile::multiply_tile<Direction::a_axis, Direction::b_axis>(sum, stage + own_rows, stage + Tile::a_bytes, true);
                ptx::wgmma_commit();
                ptx::wgmma_wait<1>(sum.at);  // the step before is done, and its stage with it
                if (turn > 0 && lane == 0) ring.release(turn - 1);
            }
            ptx::wgmma_wait<0>(sum.at);
        } else {
            if (lane == 0) {
                for (int step = share.first; step < share.last; ++step) {
                    const int turn = step - share.first;
                    ring.wait_empty(turn);
                    ring.expect(turn, Tile::stage_bytes);
                    direction.template copy<Tile>(pixels, box, step, base + ring.stage(turn) * Tile::stage_bytes, ring.full(turn));
                }
            }
            __syncwarp();  // what follows may be a barrier of the block, which a warp meets as one
        }

        float v[Tile::columns / 8][4];
#pragma unroll
        for (int q = 0; q < Tile::columns / 8; ++q)
#pragma unroll
            for (int e = 0; e < 4; ++e) v[q][e] = sum.at[4 * q + e];
        if (splits > 1 && !gather_parts<Tile::consumers, Tile::columns / 8>(v, share, partial, counter)) return;
        const bool owner = thread < Tile::consumers;
        // Elements 0 and 1 of a quad are neighbours in one row, 2 and 3 eight rows below.
        const int64_t row0 = static_cast<int64_t>(blockIdx.x) * Tile::rows;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int64_t at = owner ? product.row_at(row0 + sum.row(thread, 2 * half)) : -1;
            if (at < 0) continue;
#pragma unroll
            for (int q = 0; q < Tile::columns / 8; ++q) {
                float pair[2] = {v[q][2 * half], v[q][2 * half + 1]};
                direction.put(at, sum.column(thread, 4 * q), pair);
                v[q][2 * half] = pair[0], v[q][2 * half + 1] = pair[1];
            }
        }
        if constexpr (Product::has_moments) {
            using Moments = TileMoments<Tile::rows, Tile::columns, Tile::rows / 16>;
            static_assert(Moments::floats * sizeof(float) <= Tile::stages * Tile::stage_bytes);
            if (product.moments)
                warp_moments<Moments, 1, Tile::columns / 8>(v, product, row0, direction.column0, thread / 32 * 16, 0, owner,
                                                            reinterpret_cast<float*>(memory));
        }
        if constexpr (Product::has_norm_sums) {
            using Sums = TileNormSums<Tile::rows, Tile::columns, Tile::rows / 16>;
            static_assert(Sums::floats * sizeof(float) <= Tile::stages * Tile::stage_bytes);
            warp_norm_sums<Sums, 1, Tile::columns / 8>(v, product, row0, direction.column0, thread / 32 * 16, 0, owner,
                                                       reinterpret_cast<float*>(memory));
        }
    }
}

}  // namespace purnet::conv2d::implicit
