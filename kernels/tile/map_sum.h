// One pass over memory that also sums: out_k[i] = f(in_0[i], ...), and Sums totals over i < count, in float64.
//
// The grid is cut by count alone (kernels/runtime/grid_partition.h). A thread adds the elements of one vector (16 bytes of the
// wider element type) in float32 and the vectors in float64; a block adds its threads (reduce.h) and writes one partial sum per
// total; the block that comes last adds the partials in the order of the blocks. So the totals have the same bits in every run.
//
// f is a functor with
//     __device__ auto prepare() const;                                                reads parameters once a thread
//     __device__ void operator()(const float (&in)[In], float (&out)[Out], float (&sum)[Sums]) const;   adds to sum
//     __device__ void finish(const double (&total)[Sums]) const;                      called once, by one thread
// Out may be 0.
#pragma once

#include <algorithm>

#include "kernels/runtime/cuda/counters.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::tile {

template <class T, int In, int Out, class Y = T>
struct MapOperands {
    const T* in[In];
    Y* out[Out > 0 ? Out : 1];  // null: that result is not wanted
};

// Grid: blocks of 256 threads stride over the vectors together. Lanes along memory. An output may be an input. Bytes: count
// (In sizeof(T) + Out sizeof(Y)).
template <int V, class T, int In, int Out, int Sums, class Y, class F>
__global__ void __launch_bounds__(256)
    map_sum_kernel(F f, MapOperands<T, In, Out, Y> p, int64_t count, double* partial, unsigned* counter) {
    constexpr int O = Out > 0 ? Out : 1;
    const int64_t vectors = count / V, stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    ptx::wait_for_launches();
    const auto g = f.prepare();
    double total[Sums] = {};
    for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < vectors; at += stride) {
        Pack<V> x[In], y[O];
#pragma unroll
        for (int k = 0; k < In; ++k) x[k] = load<V>(p.in[k] + at * V);
        float sum[Sums] = {};
#pragma unroll
        for (int i = 0; i < V; ++i) {
            float in[In], out[O];
#pragma unroll
            for (int k = 0; k < In; ++k) in[k] = x[k][i];
            g(in, out, sum);
#pragma unroll
            for (int k = 0; k < Out; ++k) y[k][i] = out[k];
        }
#pragma unroll
        for (int k = 0; k < Out; ++k)
            if (p.out[k]) store(p.out[k] + at * V, y[k]);
#pragma unroll
        for (int k = 0; k < Sums; ++k) total[k] += sum[k];
    }
    if (V > 1 && blockIdx.x == 0 && vectors * V + threadIdx.x < count) {
        const int64_t at = vectors * V + threadIdx.x;
        float in[In], out[O], sum[Sums] = {};
#pragma unroll
        for (int k = 0; k < In; ++k) in[k] = cuda::to_float(p.in[k][at]);
        g(in, out, sum);
#pragma unroll
        for (int k = 0; k < Out; ++k)
            if (p.out[k]) p.out[k][at] = cuda::from_float<Y>(out[k]);
#pragma unroll
        for (int k = 0; k < Sums; ++k) total[k] += sum[k];
    }
#pragma unroll
    for (int k = 0; k < Sums; ++k) {
        const double sum = block_reduce<Sum>(total[k], 0.0);
        if (threadIdx.x == 0) partial[k * gridDim.x + blockIdx.x] = sum;
    }
    if (!last_block(counter, gridDim.x)) return;
#pragma unroll
    for (int k = 0; k < Sums; ++k) {
        double sum = 0;
        for (unsigned b = threadIdx.x; b < gridDim.x; b += blockDim.x) sum += partial[k * gridDim.x + b];
        total[k] = block_reduce<Sum>(sum, 0.0);
    }
    if (threadIdx.x == 0) g.finish(total);
}

// `workspace` has room for grid_blocks(count) * Sums doubles.
template <class T, int In, int Out, int Sums, class Y = T, class F>
void map_sum(const F& f, const MapOperands<T, In, Out, Y>& p, int64_t count, void* workspace, cudaStream_t stream) {
    constexpr int V = std::min(vector_of<T>, vector_of<Y>);
    bool aligned = true;
    for (const T* in : p.in) aligned = aligned && aligned_16(in);
    if (Out > 0)
        for (const Y* out : p.out) aligned = aligned && aligned_16(out);
    auto* partial = static_cast<double*>(workspace);
    const unsigned blocks = static_cast<unsigned>(grid_blocks(count));
    cuda::launch_early(aligned ? map_sum_kernel<V, T, In, Out, Sums, Y, F> : map_sum_kernel<1, T, In, Out, Sums, Y, F>, blocks, 256, 0,
                       stream, f, p, count, partial, cuda::counters(1));
}

}  // namespace purnet::tile
