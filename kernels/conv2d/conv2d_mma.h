// The implicit product on tensor cores: bf16 operands, float32 sums (sm_80 and newer).
//
// A block owns Rows x Columns of C: two rows of warps, 32 columns each, as accumulators of 16 x 8 that stay in registers. The sum runs in
// steps of 64 terms, whose panels of A and B, 64 rows (or columns) in 64 lines of 128 bytes each, come by cp.async into a ring of three
// stages (kernels/tile/pipeline.h): while the warps multiply one, two are under way. Lines are swizzled (kernels/tile/swizzle.h): a thread
// writes 16-byte chunks of one line beside its neighbours', ldmatrix reads eight lines of one chunk, both without a conflict. Padding
// is a copy of zero bytes: nothing in the loop branches.
//
//     tile        warps   each       sums a lane   shared memory   operations a byte from the second cache
//     64 x 64     4       32 x 32    32            48 KiB          32
//     128 x 64    4       64 x 32    64            72 KiB          43
//     128 x 128   8       64 x 32    64            96 KiB          64
//
// An operand whose lines run along the sum is loaded by ldmatrix as it lies, one whose lines run across it (weight gradients,
// weights of the data gradient) by its transposing form (kernels/tile/matrix.h).
//
// Channels (those of one group) are multiples of 8 and pointers of 16 bytes, or the product says that its chunks
// are narrower (conv2d_runs.h, a head's weight gradient); others take conv2d_tile.h. FLOPs 2 rows columns
// depth; bytes from global memory: A once for each `Columns`, B once for each `Rows`. For each step a warp of 32 x 32 issues 32 matrix
// instructions on 16 ldmatrix of 512 bytes, one of 64 x 32 64 on 24. Products are exact and the sum of an element is taken in order, in
// parts where the grid has several blocks a tile (conv2d_split.h): the same bits always.
#pragma once

#include "kernels/conv2d/conv2d_accumulators.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/tile/pipeline.h"

namespace purnet::conv2d::implicit {

inline constexpr int mma_depth = 64, mma_stages = 3;

// Operands lie in panels of 64 rows (or columns) by 64 terms; which one a row is in.
__device__ __forceinline__ uint32_t panel_of(int row) { return static_cast<uint32_t>(row / tile_size * tile_size * mma_depth * 2); }

template <int Rows, int Columns>
struct MmaTile {
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int threads = 2 * columns, warp_rows = rows / 2;
    static constexpr uint32_t a_bytes = rows * mma_depth * 2;
    static constexpr int stage_bytes = (rows + columns) * mma_depth * 2;
    static constexpr size_t shared = mma_stages * stage_bytes;
};

// Chunk `element` .. of a line to its place in a tile. Single elements are loaded and stored; they lie there from the next barrier on,
// before which no stage is used.
template <int Width, class T>
__device__ __forceinline__ void copy_to_tile(unsigned char* tile, int line, int element, const Chunk<T>& chunk) {
    const uint32_t place = static_cast<uint32_t>(element % tile_size) / 8;
    const uint32_t at = panel_of(element) + tile::swizzled<2 * tile_size>(static_cast<uint32_t>(line), place) +
                        static_cast<uint32_t>(element % 8) * sizeof(T);
    if constexpr (Width == 8)
        tile::copy_chunk(ptx::shared_address(tile) + at, chunk.from, chunk.inside);
    else if constexpr (Width == 2)
        ptx::copy_async_4(ptx::shared_address(tile) + at, chunk.from, chunk.inside ? 4 : 0);
    else
        *reinterpret_cast<T*>(tile + at) = chunk.inside ? *chunk.from : T{};
}

// Issues the copies of a thread's chunks of one tile.
template <class L, class Operand>
__device__ __forceinline__ void copy_tile(unsigned char* to, const Operand& operand) {
    constexpr int width = Operand::width;
    [[maybe_unused]] constexpr int at_once = width == 1 ? 8 : L::lines;  // what is loaded waits in registers until it is stored
    if constexpr (requires { operand.cursor(); }) {
        auto cursor = operand.cursor();
#pragma unroll
        for (int i = 0; i < L::lines; ++i, cursor.next()) copy_to_tile<width>(to, L::line() + i * L::step, L::element(), cursor.chunk());
    } else {
#pragma unroll at_once
        for (int i = 0; i < L::lines; ++i) copy_to_tile<width>(to, L::line() + i * L::step, L::element(), operand.at(i));
    }
}

// Grid (row tiles, column tiles, products x splits).
template <class Product, class Tile>
__global__ void __launch_bounds__(Tile::threads) mma_kernel(Product product, int splits, float* partial, unsigned* counter) {
    using Ring = tile::Pipeline<mma_stages>;
    SHARED_DYNAMIC(unsigned char, memory);
    Share share(splits);
    product.select(share.z);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * Tile::rows;
    const int column0 = static_cast<int>(blockIdx.y) * Tile::columns;
    if (row0 >= product.rows() || product.beyond(column0)) return ptx::wait_for_launches();
    share.cut((product.depth() + mma_depth - 1) / mma_depth);

    using A = decltype(product.template a<8, 1>(0, 0, 0, 0, 0));
    using B = decltype(product.template b<8, 1>(0, 0, 0, 0, 0));
    using LanesA = Lanes<A::along, A::width, mma_depth, Tile::threads, Tile::rows>;
    using LanesB = Lanes<B::along, B::width, mma_depth, Tile::threads, Tile::columns>;
    const int k0 = share.first * mma_depth;
    auto a = product.template a<8, LanesA::lines>(row0, k0, LanesA::line(), LanesA::step, LanesA::element());
    auto b = product.template b<8, LanesB::lines>(column0, k0, LanesB::line(), LanesB::step, LanesB::element());
    ptx::wait_for_launches();

    const uint32_t base = ptx::shared_address(memory);
    const auto copy = [&](int stage) {
        unsigned char* const to = memory + stage * Tile::stage_bytes;
        copy_tile<LanesA>(to, a);
        copy_tile<LanesB>(to + Tile::a_bytes, b);
        a.advance(mma_depth);
        b.advance(mma_depth);
    };

    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    constexpr int warps_a_row = Tile::columns / 32, parts = Tile::warp_rows / 16;
    const int warp_row = warp / warps_a_row * Tile::warp_rows, warp_column = warp % warps_a_row * 32;
    float sum[4 * parts][4] = {};
    Ring::run(share.last - share.first, copy, [&](int stage) {
        const uint32_t tile_a = base + static_cast<uint32_t>(stage * Tile::stage_bytes), tile_b = tile_a + Tile::a_bytes;
        const uint32_t own_a = tile_a + panel_of(warp_row), own_b = tile_b + panel_of(warp_column);
#pragma unroll
        for (int k = 0; k < mma_depth; k += 16) {
            tile::FragmentA left[parts];
            tile::FragmentB right[2][2];
#pragma unroll
            for (int i = 0; i < parts; ++i) left[i] = tile::load_a<A::along, 2 * tile_size>(own_a, warp_row % tile_size + 16 * i, k, lane);
#pragma unroll
            for (int j = 0; j < 2; ++j) tile::load_b<B::along, 2 * tile_size>(right[j], own_b, k, warp_column % tile_size + 16 * j, lane);
#pragma unroll
            for (int i = 0; i < parts; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) ptx::mma_bf16(sum[4 * i + j], left[i].r, right[j / 2][j % 2].r);
        }
    });

    finish_accumulators<Tile, Tile::shared, parts>(product, sum, row0, column0, warp_row, warp_column, share, partial, counter,
                                                   reinterpret_cast<float*>(memory));
}

}  // namespace purnet::conv2d::implicit
