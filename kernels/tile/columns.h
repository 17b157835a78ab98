// Tensors as rows of channels (N,H,W,C: row = pixel, column = channel): sums over the rows of each column, and maps whose
// constants belong to columns.
//
// A block owns a tile of columns one memory line wide: 8 lanes of 16 bytes (64 bf16 or 32 float32 channels), and 32 rows at a
// time. Neighbouring lanes lie on neighbouring vectors of a row, so each row of the tile is one full line; constants of a column
// (mean, scale, ...) are read once a thread and stay in registers for all its rows. Where the channels are no multiple of a
// vector, or a pointer is not aligned, a lane takes one column and the tile is 32 columns by 8 rows.
//
// Sums. The rows of a group are cut into chunks (kernels/runtime/grid_partition.h); a thread adds its rows in float32, the block
// adds its threads in float64 in shared memory, row lane by row lane, and writes one partial sum per column; the block of a
// tile that comes last adds the chunks in order. The order is fixed by the shape alone.
//
// Groups are images where sums are per image; a group's rows lie together.
#pragma once

#include "kernels/runtime/cuda/counters.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::tile {

struct ColumnShape {
    int64_t groups = 1, rows = 0, columns = 0;
    int64_t chunks = 1;  // of the rows of a group
};

// Where a thread is: lanes of a vector each, then rows.
template <int V>
struct ColumnLanes {
    static constexpr int lanes = V == 1 ? 32 : 8;
    static constexpr int rows = 256 / lanes;
    static constexpr int width = lanes * V;  // columns of a tile
};

template <class T, int In, int Out>
struct ColumnOperands {
    const T* in[In > 0 ? In : 1];
    T* out[Out > 0 ? Out : 1];  // null: not wanted
};

// Constants of columns at .. at + V - 1.
template <int V>
__device__ __forceinline__ Pack<V> constants(const float* values, int64_t at) {
    Pack<V> v;
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = values[at + i];
    return v;
}

// Grid (tiles, chunks, groups). f is a functor with
//     __device__ auto prepare(group, column) const         constants of columns column .. column + V - 1
//     g(const Pack<V> (&in)[In], Pack<V> (&sum)[Sums])     adds one row
//     __device__ void finish(group, column, const double (&total)[Sums]) const    once per column, by one thread
//     __device__ void finish_group(group) const            where has_finish_group: by a whole block, after every finish of the group
template <int V, int In, int Sums, class T, class F>
__global__ void __launch_bounds__(256)
    column_sums_kernel(F f, ColumnOperands<T, In, 0> p, ColumnShape shape, double* partial, unsigned* counter) {
    using Lanes = ColumnLanes<V>;
    SHARED(float[Lanes::width], added, Lanes::rows);
    const int lane = static_cast<int>(threadIdx.x) % Lanes::lanes, row_lane = static_cast<int>(threadIdx.x) / Lanes::lanes;
    const int64_t tile = static_cast<int64_t>(blockIdx.x) * Lanes::width, column = tile + lane * V;
    const int64_t chunk = blockIdx.y, group = blockIdx.z;
    const int64_t first = shape.rows * chunk / shape.chunks, last = shape.rows * (chunk + 1) / shape.chunks;
    ptx::wait_for_launches();
    Pack<V> sum[Sums];
#pragma unroll
    for (int k = 0; k < Sums; ++k) sum[k] = zeros<V>();
    if (column < shape.columns) {
        const auto g = f.template prepare<V>(group, column);
        const int64_t base = group * shape.rows * shape.columns + column;
#pragma unroll 4
        for (int64_t row = first + row_lane; row < last; row += Lanes::rows) {
            Pack<V> in[In];
#pragma unroll
            for (int k = 0; k < In; ++k) in[k] = load<V>(p.in[k] + base + row * shape.columns);
            g(in, sum);
        }
    }
    // partial[((group chunks + chunk) Sums + k) columns + column]
    double* own = partial + (group * shape.chunks + chunk) * Sums * shape.columns;
#pragma unroll
    for (int k = 0; k < Sums; ++k) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < V; ++i) added[row_lane][lane * V + i] = sum[k][i];
        __syncthreads();
        const int c = static_cast<int>(threadIdx.x);
        if (c < Lanes::width && tile + c < shape.columns) {
            double total = 0;
            for (int r = 0; r < Lanes::rows; ++r) total += static_cast<double>(added[r][c]);
            own[k * shape.columns + tile + c] = total;
        }
    }
    if (!last_block(counter + group * gridDim.x + blockIdx.x, gridDim.y)) return;
    // Several threads a column, each adding every `ways`-th chunk; their sums are added in order.
    constexpr int ways = 256 / Lanes::width;
    SHARED(double[Lanes::width], gathered, ways);
    const int c = static_cast<int>(threadIdx.x) % Lanes::width, way = static_cast<int>(threadIdx.x) / Lanes::width;
    const double* from = partial + group * shape.chunks * Sums * shape.columns + tile + c;
    double totals[Sums];
#pragma unroll
    for (int k = 0; k < Sums; ++k) {
        double total = 0;
        if (tile + c < shape.columns)
#pragma unroll 8
            for (int64_t b = way; b < shape.chunks; b += ways) total += from[(b * Sums + k) * shape.columns];
        __syncthreads();
        gathered[way][c] = total;
        __syncthreads();
        totals[k] = 0;
        for (int w = 0; w < ways; ++w) totals[k] += gathered[w][c];
    }
    if (way == 0 && tile + c < shape.columns) f.finish(group, tile + c, totals);
    if constexpr (F::has_finish_group) {
        if (last_block(counter + gridDim.z * gridDim.x + group, gridDim.x)) f.finish_group(group);
    }
}

inline size_t column_sums_partials(int64_t rows, int64_t columns, int64_t groups, int sums) {
    return static_cast<size_t>(groups * row_chunks(rows, columns, groups) * columns * sums);
}

template <int In, int Out, class T>
bool columns_in_vectors(const ColumnOperands<T, In, Out>& p, int64_t columns) {
    bool aligned = columns % vector_of<T> == 0;
    for (const T* in : p.in) aligned = aligned && aligned_16(in);
    if (Out > 0)
        for (const T* out : p.out) aligned = aligned && aligned_16(out);
    return aligned;
}

// `partial` has room for column_sums_partials doubles.
template <int In, int Sums, class T, class F>
void column_sums(const F& f, const ColumnOperands<T, In, 0>& p, int64_t groups, int64_t rows, int64_t columns, double* partial,
                 cudaStream_t stream) {
    const ColumnShape shape{groups, rows, columns, row_chunks(rows, columns, groups)};
    const bool vectors = columns_in_vectors(p, columns);
    const int64_t width = vectors ? ColumnLanes<vector_of<T>>::width : ColumnLanes<1>::width;
    const unsigned tiles = cuda::blocks_for(columns, width);
    const dim3 grid(tiles, static_cast<unsigned>(shape.chunks), static_cast<unsigned>(groups));
    unsigned* counter = cuda::counters(static_cast<int>((tiles + 1) * groups));
    cuda::launch_early(vectors ? column_sums_kernel<vector_of<T>, In, Sums, T, F> : column_sums_kernel<1, In, Sums, T, F>, grid, 256, 0,
                       stream, f, p, shape, partial, counter);
}

// out_k = g(in_0, ...) element by element. Grid (tiles, row blocks, groups); Items rows a thread are loaded before the first is
// used. f.prepare<V>(group, column) as above; g(const Pack<V> (&in)[In], Pack<V> (&out)[Out]).
template <int V, int Items, int In, int Out, class T, class F>
__global__ void __launch_bounds__(256) column_map_kernel(F f, ColumnOperands<T, In, Out> p, ColumnShape shape) {
    using Lanes = ColumnLanes<V>;
    const int lane = static_cast<int>(threadIdx.x) % Lanes::lanes, row_lane = static_cast<int>(threadIdx.x) / Lanes::lanes;
    const int64_t column = static_cast<int64_t>(blockIdx.x) * Lanes::width + lane * V, group = blockIdx.z;
    ptx::wait_for_launches();
    if (column >= shape.columns) return;
    const auto g = f.template prepare<V>(group, column);
    const int64_t base = group * shape.rows * shape.columns + column;
    for (int64_t first = static_cast<int64_t>(blockIdx.y) * (Lanes::rows * Items) + row_lane; first < shape.rows;
         first += static_cast<int64_t>(gridDim.y) * (Lanes::rows * Items)) {
        Pack<V> in[Items][In > 0 ? In : 1];
#pragma unroll
        for (int item = 0; item < Items; ++item) {
            const int64_t row = first + item * Lanes::rows;
            if (row < shape.rows) {
#pragma unroll
                for (int k = 0; k < In; ++k) in[item][k] = load<V>(p.in[k] + base + row * shape.columns);
            }
        }
#pragma unroll
        for (int item = 0; item < Items; ++item) {
            const int64_t row = first + item * Lanes::rows;
            if (row < shape.rows) {
                Pack<V> out[Out];
                g(in[item], out);
#pragma unroll
                for (int k = 0; k < Out; ++k)
                    if (p.out[k]) store(p.out[k] + base + row * shape.columns, out[k]);
            }
        }
    }
}

template <int In, int Out, class T, class F>
void column_map(const F& f, const ColumnOperands<T, In, Out>& p, int64_t groups, int64_t rows, int64_t columns, cudaStream_t stream) {
    if (groups * rows * columns == 0) return;
    constexpr int items = 2;
    const ColumnShape shape{groups, rows, columns, 1};
    const bool vectors = columns_in_vectors(p, columns);
    const int64_t width = vectors ? ColumnLanes<vector_of<T>>::width : ColumnLanes<1>::width;
    const int64_t rows_a_block = items * (vectors ? ColumnLanes<vector_of<T>>::rows : ColumnLanes<1>::rows);
    const dim3 grid(cuda::blocks_for(columns, width), cuda::blocks_for(rows, rows_a_block, 65535), static_cast<unsigned>(groups));
    cuda::launch_early(vectors ? column_map_kernel<vector_of<T>, items, In, Out, T, F> : column_map_kernel<1, items, In, Out, T, F>, grid,
                       256, 0, stream, f, p, shape);
}

}  // namespace purnet::tile
