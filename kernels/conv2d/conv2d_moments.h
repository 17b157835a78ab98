// The moments of a tile of the result (kernels/batch_norm/moments.h), by the block that has just written it: the values are still in its
// registers, and the batch norm behind the convolution need not read them back for its statistics.
//
// The first row of each 64 goes to shared memory, from where every thread takes the shifts of its columns. It adds (v - shift) and
// (v - shift)^2 over its own rows, and a warp exchanges halves of these sums over its eight row lanes: 7/8 of a shuffle for each sum that a
// lane has, not three, after which a lane owns an eighth of the columns. What warps one below the other found is added in shared
// memory, in order. Float32 throughout: no sum has more than 64 terms. Shared memory: where the operands lay, which have been read.
#pragma once

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d_products.h"
#include "kernels/runtime/cuda/bf16.h"

namespace purnet::conv2d::implicit {

// Of a tile of Rows x Columns, whose rows are added up in Slots places. All of it is called by every thread of the block.
template <int Rows, int Columns, int Slots>
struct TileMoments {
    static constexpr int rows_a_part = batch_norm::moment_rows, parts = Rows / rows_a_part, slots_a_part = Slots / parts;
    static constexpr int floats = (parts + 2 * Slots) * Columns;  // of shared memory
    static_assert(Rows % rows_a_part == 0 && Slots % parts == 0);

    float* memory;

    __device__ __forceinline__ float& first(int part, int column) const { return memory[part * Columns + column]; }
    // 0: of differences, 1: of their squares.
    __device__ __forceinline__ float& sum(int slot, int which, int column) const {
        return memory[(parts + 2 * slot + which) * Columns + column];
    }
    template <class Product>
    __device__ __forceinline__ void write(const Product& product, int64_t row0, int column0) const {
        __syncthreads();
        const int64_t all_parts = (product.rows() + rows_a_part - 1) / rows_a_part, plane = all_parts * product.columns();
        for (int i = static_cast<int>(threadIdx.x); i < parts * Columns; i += static_cast<int>(blockDim.x)) {
            const int part = i / Columns, column = i % Columns;
            const int64_t at = row0 / rows_a_part + part;
            if (at >= all_parts || column0 + column >= product.columns()) continue;
            float total[2] = {};
            for (int s = 0; s < slots_a_part; ++s)
#pragma unroll
                for (int which = 0; which < 2; ++which) total[which] += sum(part * slots_a_part + s, which, column);
            float* to = product.moments + at * product.columns() + column0 + column;
            to[0] = first(part, column);
            to[plane] = total[0];
            to[2 * plane] = total[1];
        }
    }
};

// v as it was stored.
template <class T, int Quads>
__device__ __forceinline__ void round_as_stored(float (&v)[Quads][4]) {
#pragma unroll
    for (int q = 0; q < Quads; ++q)
#pragma unroll
        for (int e = 0; e < 4; ++e) v[q][e] = cuda::to_float(cuda::from_float<T>(v[q][e]));
}

// Adds what two lanes `distance` apart have of N sums: the lower keeps the first half of them, the upper the second, as v[0 .. N / 2 - 1].
template <int N>
__device__ __forceinline__ void exchange_halves(float* v, int lane, int distance) {
    const bool upper = lane & distance;
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
        const float given = upper ? v[i] : v[i + N / 2], kept = upper ? v[i + N / 2] : v[i];
        v[i] = kept + __shfl_xor_sync(0xffffffffu, given, distance);
    }
}

// Of a tile whose warps own 16 Down rows from `row` and 8 Across columns from `column`, as accumulators of 16 x 8: element e of
// v[i Across + j] in row 16 i + lane / 4 + 8 (e / 2), column 8 j + 2 (lane % 4) + e % 2. `owner`: threads that have any.
template <class Moments, int Down, int Across, class Product>
__device__ __forceinline__ void warp_moments(float (&v)[Down * Across][4], const Product& product, int64_t row0, int column0, int row,
                                             int column, bool owner, float* memory) {
    const Moments moments{memory};
    const int lane = static_cast<int>(threadIdx.x) % 32, own = column + 2 * (lane % 4);
    const int slot = row / (16 * Down), part = row / Moments::rows_a_part;
    round_as_stored<typename Product::Element>(v);
    __syncthreads();  // the last operands have been read
    if (owner && row % Moments::rows_a_part == 0 && lane < 4) {
#pragma unroll
        for (int j = 0; j < Across; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e) moments.first(part, own + 8 * j + e) = v[j][e];
    }
    __syncthreads();
    if (owner) {
        const int64_t left = product.rows() - (row0 + row + lane / 4);  // rows that exist, from this lane's first
        float sum[4 * Across];                                          // of each accumulator: two of differences, two of squares
#pragma unroll
        for (int j = 0; j < Across; ++j) {
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                const float shift = moments.first(part, own + 8 * j + e);
                float difference = 0, square = 0;
#pragma unroll
                for (int i = 0; i < Down; ++i)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const float d = 16 * i + 8 * half < left ? v[i * Across + j][2 * half + e] - shift : 0.0f;
                        difference += d;
                        square += d * d;
                    }
                sum[4 * j + e] = difference;
                sum[4 * j + 2 + e] = square;
            }
        }
        exchange_halves<4 * Across>(sum, lane, 16);
        exchange_halves<2 * Across>(sum, lane, 8);
        exchange_halves<Across>(sum, lane, 4);
        const int kept = (lane / 16 * 2 * Across) + (lane / 8 % 2 * Across) + (lane / 4 % 2 * Across / 2);
#pragma unroll
        for (int i = 0; i < Across / 2; ++i) {
            const int at = kept + i;
            moments.sum(slot, at / 2 % 2, own + at / 4 * 8 + at % 2) = sum[i];
        }
    }
    moments.write(product, row0, column0);
}

// Of a tile whose threads own 4 x 4 from `row` and `column`.
template <class Moments, class Product>
__device__ __forceinline__ void thread_moments(float (&v)[4][4], const Product& product, int64_t row0, int column0, int row, int column,
                                               float* memory) {
    const Moments moments{memory};
    round_as_stored<typename Product::Element>(v);
    __syncthreads();  // the last operands have been read
    if (row % Moments::rows_a_part == 0) {
#pragma unroll
        for (int j = 0; j < 4; ++j) moments.first(row / Moments::rows_a_part, column + j) = v[0][j];
    }
    __syncthreads();
    const int64_t left = product.rows() - (row0 + row);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        const float shift = moments.first(row / Moments::rows_a_part, column + j);
        float difference = 0, square = 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float d = i < left ? v[i][j] - shift : 0.0f;
            difference += d;
            square += d * d;
        }
        moments.sum(row / 4, 0, column + j) = difference;
        moments.sum(row / 4, 1, column + j) = square;
    }
    moments.write(product, row0, column0);
}

}  // namespace purnet::conv2d::implicit
