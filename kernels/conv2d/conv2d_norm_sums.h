// The sums of a batch norm's backward (kernels/batch_norm/gradient_sums.h) over a tile of the gradient of its result, by the block that has
// just written it: the values are still in its registers, and the batch norm before the convolution need not read them back.
//
// What belongs to a column goes to shared memory first, from where every thread takes it for its columns. It reads x beside each value that
// it has and adds three terms, over its own rows; a warp exchanges halves of these sums over its row lanes, as in conv2d_moments.h,
// 32 columns at a time, so that 24 of them are in registers at once. What warps one below the other found is added in shared memory, in
// order. Float32 throughout: no sum has more than 64 terms. Shared memory: where the operands lay, which have been read. Bytes: x once.
#pragma once

#include "kernels/batch_norm/activation_slope.h"
#include "kernels/conv2d/conv2d_moments.h"

namespace purnet::conv2d::implicit {

// Of a tile of Rows x Columns, whose rows are added up in Slots places. All of it is called by every thread of the block.
template <int Rows, int Columns, int Slots>
struct TileNormSums {
    static constexpr int rows_a_part = batch_norm::moment_rows, parts = Rows / rows_a_part, slots_a_part = Slots / parts;
    static constexpr int floats = (4 + 3 * Slots) * Columns;  // of shared memory
    static_assert(Rows % rows_a_part == 0 && Slots % parts == 0);

    float* memory;

    // Mean, inverse, gamma, beta.
    __device__ __forceinline__ float* constants(int column) const { return memory + 4 * column; }
    __device__ __forceinline__ float& sum(int slot, int which, int column) const {
        return memory[(4 + 3 * slot + which) * Columns + column];
    }
    template <class Product>
    __device__ __forceinline__ void fetch_constants(const Product& product, int column0) const {
        const auto value = [](const void* values, int column) { return static_cast<const float*>(values)[column]; };
        const batch_norm::NormOperands& norm = product.norm;
        __syncthreads();  // the last operands have been read
        for (int i = static_cast<int>(threadIdx.x); i < Columns; i += static_cast<int>(blockDim.x)) {
            const int column = column0 + i;
            tile::Pack<4> of_column = tile::zeros<4>();
            if (column < product.columns())
                of_column = {{value(norm.mean, column), value(norm.inverse, column), value(norm.gamma, column), value(norm.beta, column)}};
            tile::store(constants(i), of_column);
        }
        __syncthreads();
    }
    template <class Product>
    __device__ __forceinline__ void write(const Product& product, int64_t row0, int column0) const {
        __syncthreads();
        const int64_t all_parts = (product.rows() + rows_a_part - 1) / rows_a_part, plane = all_parts * product.columns();
        for (int i = static_cast<int>(threadIdx.x); i < parts * Columns; i += static_cast<int>(blockDim.x)) {
            const int part = i / Columns, column = i % Columns;
            const int64_t at = row0 / rows_a_part + part;
            if (at >= all_parts || column0 + column >= product.columns()) continue;
            float total[3] = {};
            for (int s = 0; s < slots_a_part; ++s)
#pragma unroll
                for (int which = 0; which < 3; ++which) total[which] += sum(part * slots_a_part + s, which, column);
            float* to = product.sums + at * product.columns() + column0 + column;
#pragma unroll
            for (int which = 0; which < 3; ++which) to[which * plane] = total[which];
        }
    }
};

// What one element of dy adds to the sums of its column.
struct NormTerms {
    batch_norm::ActivationSlope slope;
    bool prelu;

    __device__ __forceinline__ NormTerms(const batch_norm::NormOperands& norm)
        : slope(norm.activation, norm.slope ? *static_cast<const float*>(norm.slope) : 0.0f), prelu(norm.activation == Activation::prelu) {}
    __device__ __forceinline__ void add(float* sum, const tile::Pack<4>& of_column, float x, float dy) const {
        const float h = (x - of_column[0]) * of_column[1], u = fmaf(of_column[2], h, of_column[3]), g = dy * slope(u);
        sum[0] += g;
        sum[1] += g * h;
        if (prelu) sum[2] += dy * fminf(u, 0.0f);
    }
};

// Of a tile as warp_moments has it; Across is a multiple of 4.
template <class Sums, int Down, int Across, class Product>
__device__ __forceinline__ void warp_norm_sums(float (&v)[Down * Across][4], const Product& product, int64_t row0, int column0, int row,
                                               int column, bool owner, float* memory) {
    using T = typename Product::Element;
    const Sums sums{memory};
    const int lane = static_cast<int>(threadIdx.x) % 32, own = column + 2 * (lane % 4), slot = row / (16 * Down);
    round_as_stored<T>(v);
    sums.fetch_constants(product, column0);
    if (owner) {
        const NormTerms terms(product.norm);
        const int64_t first = row0 + row + lane / 4, left = product.rows() - first;  // rows that exist, from this lane's first
        const int columns = product.columns(), existing = columns - column0 - own;
        const T* x = static_cast<const T*>(product.norm.x) + first * columns + column0 + own;
#pragma unroll
        for (int across = 0; across < Across; across += 4) {
            float sum[24] = {};  // of each of 8 columns three
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const int beyond = 8 * (across + j);
                const tile::Pack<4> even = tile::load<4>(sums.constants(own + beyond)),
                                    odd = tile::load<4>(sums.constants(own + beyond + 1));
#pragma unroll
                for (int i = 0; i < Down; ++i)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const int below = 16 * i + 8 * half;
                        if (below >= left) continue;
                        float pair[2] = {};
                        tile::add_row(pair, x + static_cast<int64_t>(below) * columns + beyond, existing - beyond, product.vectors);
                        const float(&dy)[4] = v[i * Across + across + j];
                        terms.add(sum + 6 * j, even, pair[0], dy[2 * half]);
                        terms.add(sum + 6 * j + 3, odd, pair[1], dy[2 * half + 1]);
                    }
            }
            exchange_halves<24>(sum, lane, 16);
            exchange_halves<12>(sum, lane, 8);
            exchange_halves<6>(sum, lane, 4);
            const int kept = lane / 16 * 4 + lane / 8 % 2 * 2 + lane / 4 % 2;
#pragma unroll
            for (int which = 0; which < 3; ++which) sums.sum(slot, which, own + 8 * (across + kept / 2) + kept % 2) = sum[which];
        }
    }
    sums.write(product, row0, column0);
}

// Of a tile whose threads own 4 x 4 from `row` and `column`: lanes 16 apart have the same columns, four rows apart.
template <class Sums, class Product>
__device__ __forceinline__ void thread_norm_sums(float (&v)[4][4], const Product& product, int64_t row0, int column0, int row, int column,
                                                 float* memory) {
    using T = typename Product::Element;
    const Sums sums{memory};
    const int lane = static_cast<int>(threadIdx.x) % 32;
    round_as_stored<T>(v);
    sums.fetch_constants(product, column0);
    const NormTerms terms(product.norm);
    const int64_t first = row0 + row, left = product.rows() - first;
    const int columns = product.columns();
    const T* x = static_cast<const T*>(product.norm.x) + first * columns + column0 + column;
    tile::Pack<4> of_column[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) of_column[j] = tile::load<4>(sums.constants(column + j));
    float sum[12] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (i >= left) continue;
        float at[4] = {};
        tile::add_row(at, x + static_cast<int64_t>(i) * columns, columns - column0 - column, product.vectors);
#pragma unroll
        for (int j = 0; j < 4; ++j) terms.add(sum + 3 * j, of_column[j], at[j], v[i][j]);
    }
    exchange_halves<12>(sum, lane, 16);
#pragma unroll
    for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int which = 0; which < 3; ++which) sums.sum(row / 8, which, column + lane / 16 * 2 + j) = sum[3 * j + which];
    sums.write(product, row0, column0);
}

}  // namespace purnet::conv2d::implicit
