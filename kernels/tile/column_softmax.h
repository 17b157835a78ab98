// What a softmax over the rows of each column needs, in one pass: M = max over r of x[r,c] and Z = sum over r of e^(x[r,c] - M), and
// on wish the sum of x[r,c].
//
// A thread keeps a running maximum and the sum relative to it; an element costs one exponential:
//     x <= m:  z = z + e^(x - m)          x > m:  z = z e^(m - x) + 1,  m = x
// Two such pairs merge into (max, z1 e^(m1 - max) + z2 e^(m2 - max)); the merge is exact but for rounding, so its order is fixed:
// row lanes in order, then chunks in order. Grid, tiles and chunks: kernels/tile/columns.h. Bytes: the tensor once.
#pragma once

#include "kernels/tile/columns.h"
#include "kernels/tile/ptx.h"

namespace purnet::tile {

struct RunningMax {
    float m = -INFINITY;
    double z = 0;

    __device__ __forceinline__ void merge(float other_m, double other_z) {
        if (other_m > m) {
            z = other_z + z * static_cast<double>(expf(m - other_m));
            m = other_m;
        } else {
            z += other_z * static_cast<double>(expf(other_m - m));
        }
    }
};

// f.finish(group, column, m, z, sum) once per column; f.finish_group(group) where has_finish_group.
template <int V, class T, class F>
__global__ void __launch_bounds__(256, 4) column_softmax_kernel(F f, const T* x, ColumnShape shape, double* partial, unsigned* counter) {
    using Lanes = ColumnLanes<V>;
    SHARED(float[Lanes::width], most, Lanes::rows);
    SHARED(float[Lanes::width], added, Lanes::rows);
    const int lane = static_cast<int>(threadIdx.x) % Lanes::lanes, row_lane = static_cast<int>(threadIdx.x) / Lanes::lanes;
    const int64_t tile = static_cast<int64_t>(blockIdx.x) * Lanes::width, column = tile + lane * V;
    const int64_t chunk = blockIdx.y, group = blockIdx.z;
    const int64_t first = shape.rows * chunk / shape.chunks, last = shape.rows * (chunk + 1) / shape.chunks;
    ptx::wait_for_launches();
    Pack<V> m, z = zeros<V>(), sum = zeros<V>();
#pragma unroll
    for (int i = 0; i < V; ++i) m[i] = -INFINITY;
    if (column < shape.columns) {
        const T* from = x + group * shape.rows * shape.columns + column;
#pragma unroll 4
        for (int64_t row = first + row_lane; row < last; row += Lanes::rows) {
            const Pack<V> v = load<V>(from + row * shape.columns);
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float e = expf(-fabsf(v[i] - m[i]));
                z[i] = v[i] > m[i] ? z[i] * e + 1.0f : z[i] + e;
                m[i] = v[i] > m[i] ? v[i] : m[i];
                sum[i] += v[i];
            }
        }
    }
    double* own = partial + (group * shape.chunks + chunk) * 3 * shape.columns + tile;
    const int thread = static_cast<int>(threadIdx.x);
    const bool owns_column = thread < Lanes::width && tile + thread < shape.columns;
#pragma unroll
    for (int i = 0; i < V; ++i) {
        most[row_lane][lane * V + i] = m[i];
        added[row_lane][lane * V + i] = z[i];
    }
    __syncthreads();
    if (owns_column) {
        RunningMax all;
        for (int r = 0; r < Lanes::rows; ++r) all.merge(most[r][thread], static_cast<double>(added[r][thread]));
        own[thread] = static_cast<double>(all.m);
        own[shape.columns + thread] = all.z;
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < V; ++i) added[row_lane][lane * V + i] = sum[i];
    __syncthreads();
    if (owns_column) {
        double total = 0;
        for (int r = 0; r < Lanes::rows; ++r) total += static_cast<double>(added[r][thread]);
        own[2 * shape.columns + thread] = total;
    }
    if (!last_block(counter + group * gridDim.x + blockIdx.x, gridDim.y)) return;
    if (owns_column) {
        const double* from = partial + group * shape.chunks * 3 * shape.columns + tile + thread;
        RunningMax all;
        double total = 0;
#pragma unroll 4
        for (int64_t b = 0; b < shape.chunks; ++b) {
            all.merge(static_cast<float>(from[b * 3 * shape.columns]), from[(b * 3 + 1) * shape.columns]);
            total += from[(b * 3 + 2) * shape.columns];
        }
        f.finish(group, tile + thread, all.m, all.z, total);
    }
    if constexpr (F::has_finish_group) {
        if (last_block(counter + gridDim.z * gridDim.x + group, gridDim.x)) f.finish_group(group);
    }
}

// `partial` has room for 3 doubles (m, z, sum) a column and chunk.
template <class T, class F>
void column_softmax(const F& f, const T* x, int64_t groups, int64_t rows, int64_t columns, double* partial, cudaStream_t stream) {
    const ColumnShape shape{groups, rows, columns, row_chunks(rows, columns, groups)};
    const bool vectors = columns % vector_of<T> == 0 && aligned_16(x);
    const unsigned tiles = cuda::blocks_for(columns, vectors ? ColumnLanes<vector_of<T>>::width : ColumnLanes<1>::width);
    const dim3 grid(tiles, static_cast<unsigned>(shape.chunks), static_cast<unsigned>(groups));
    unsigned* counter = cuda::counters(static_cast<int>((tiles + 1) * groups));
    cuda::launch_early(vectors ? column_softmax_kernel<vector_of<T>, T, F> : column_softmax_kernel<1, T, F>, grid, 256, 0, stream, f, x,
                       shape, partial, counter);
}

// For column_map, once the statistics are there: y = e^(x - M) u; a group's M and u lie `stride` floats behind those of the one before.
struct ScaledExponential {
    const float* m;
    const float* u;
    int64_t stride;

    template <int V>
    struct State {
        Pack<V> m, u;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1], Pack<V> (&out)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) out[0][i] = expf(in[0][i] - m[i]) * u[i];
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t group, int64_t column) const {
        return {constants<V>(m, group * stride + column), constants<V>(u, group * stride + column)};
    }
};

}  // namespace purnet::tile
