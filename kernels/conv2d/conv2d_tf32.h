// The implicit product on tensor cores from float32 operands in TF32, where that was asked for (kernels/runtime/arithmetic.h; sm_80 and
// newer): 10 fraction bits of each operand, exact products, float32 sums.
//
// As conv2d_mma.h, whose words this uses: a block owns Rows x Columns of C, two rows of warps with 32 columns each; panels of A and B for
// 32 terms come by cp.async into a ring of three stages. Panels hold floats in padded lines (kernels/tile/matrix_tf32.h), since ldmatrix
// does not transpose words of 4 bytes: a lane reads each of its words by itself.
//
//     tile        warps   each       sums a lane   shared memory (at most)   operations a byte from the second cache
//     64 x 64     4       32 x 32    32            54 KiB                    16
//     128 x 128   8       64 x 32    64            108 KiB                   32
//
// For 8 terms a warp of 32 x 32 issues 8 matrix instructions on 16 reads of 128 bytes, one of 64 x 32 16 on 24: 8 and 11 operations a byte
// of shared memory, of which a multiprocessor reads 128 a cycle.
//
// Channels (those of one group) are multiples of 4 and pointers of 16 bytes; others take conv2d_tile.h, whose float32 is not rounded.
// FLOPs 2 rows columns depth; bytes from global memory: A once for each `Columns`, B once for each `Rows`. The sum of an element is
// taken in order, in parts where the grid has several blocks a tile (conv2d_split.h): the same bits always.
#pragma once

#include <utility>

#include "kernels/conv2d/conv2d_accumulators.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/tile/matrix_tf32.h"
#include "kernels/tile/pipeline.h"

namespace purnet::conv2d::implicit {

inline constexpr int tf32_depth = 32, tf32_stages = 3;

template <int Rows, int Columns>
struct Tf32Tile {
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int threads = 2 * columns, warp_rows = rows / 2;
};

// What a product makes of a tile: its operands' panels, and the bytes of the ring.
template <class Product, class Tile>
struct Tf32Panels {
    using A = decltype(std::declval<const Product&>().template a<4, 1>(0, 0, 0, 0, 0));
    using B = decltype(std::declval<const Product&>().template b<4, 1>(0, 0, 0, 0, 0));
    using LanesA = Lanes<A::along, 4, tf32_depth, Tile::threads, Tile::rows>;
    using LanesB = Lanes<B::along, 4, tf32_depth, Tile::threads, Tile::columns>;
    using PanelA = tile::FloatTile<A::along, Tile::rows, tf32_depth>;
    using PanelB = tile::FloatTile<B::along, Tile::columns, tf32_depth>;
    static constexpr int stage_floats = PanelA::floats + PanelB::floats;
    static constexpr size_t shared = tf32_stages * stage_floats * sizeof(float);
};

// Issues the copies of a thread's chunks of one panel.
template <class L, class Panel, class Operand>
__device__ __forceinline__ void copy_floats(uint32_t to, const Operand& operand) {
#pragma unroll
    for (int i = 0; i < L::lines; ++i) {
        const auto chunk = operand.at(i);
        const int at = (L::line() + i * L::step) * Panel::pitch + L::element();
        tile::copy_chunk(to + static_cast<uint32_t>(at) * 4, chunk.from, chunk.inside);
    }
}

// Grid (row tiles, column tiles, products x splits).
template <class Product, class Tile>
__global__ void __launch_bounds__(Tile::threads) tf32_kernel(Product product, int splits, float* partial, unsigned* counter) {
    using Ring = tile::Pipeline<tf32_stages>;
    using Panels = Tf32Panels<Product, Tile>;
    using LanesA = typename Panels::LanesA;
    using LanesB = typename Panels::LanesB;
    SHARED_DYNAMIC(float, memory);
    Share share(splits);
    product.select(share.z);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * Tile::rows;
    const int column0 = static_cast<int>(blockIdx.y) * Tile::columns;
    if (row0 >= product.rows() || product.beyond(column0)) return ptx::wait_for_launches();
    share.cut((product.depth() + tf32_depth - 1) / tf32_depth);

    const int k0 = share.first * tf32_depth;
    auto a = product.template a<4, LanesA::lines>(row0, k0, LanesA::line(), LanesA::step, LanesA::element());
    auto b = product.template b<4, LanesB::lines>(column0, k0, LanesB::line(), LanesB::step, LanesB::element());
    ptx::wait_for_launches();

    const uint32_t base = ptx::shared_address(memory);
    const auto copy = [&](int stage) {
        const uint32_t to = base + static_cast<uint32_t>(stage * Panels::stage_floats) * 4;
        copy_floats<LanesA, typename Panels::PanelA>(to, a);
        copy_floats<LanesB, typename Panels::PanelB>(to + Panels::PanelA::floats * 4, b);
        a.advance(tf32_depth);
        b.advance(tf32_depth);
    };

    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    constexpr int warps_a_row = Tile::columns / 32, parts = Tile::warp_rows / 16;
    const int warp_row = warp / warps_a_row * Tile::warp_rows, warp_column = warp % warps_a_row * 32;
    float sum[4 * parts][4] = {};
    Ring::run(share.last - share.first, copy, [&](int stage) {
        const float *panel_a = memory + stage * Panels::stage_floats, *panel_b = panel_a + Panels::PanelA::floats;
#pragma unroll
        for (int k = 0; k < tf32_depth; k += 8) {
            uint32_t left[parts][4], right[4][2];
#pragma unroll
            for (int i = 0; i < parts; ++i) tile::load_a_tf32<typename Panels::PanelA>(left[i], panel_a, warp_row + 16 * i, k, lane);
#pragma unroll
            for (int j = 0; j < 4; ++j) tile::load_b_tf32<typename Panels::PanelB>(right[j], panel_b, k, warp_column + 8 * j, lane);
#pragma unroll
            for (int i = 0; i < parts; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) ptx::mma_tf32(sum[4 * i + j], left[i], right[j]);
        }
    });
    finish_accumulators<Tile, Panels::shared, parts>(product, sum, row0, column0, warp_row, warp_column, share, partial, counter, memory);
}

}  // namespace purnet::conv2d::implicit
