// One pass over memory: out_k[i] = f(in_0[i], in_1[i], ...) for every i < count, inputs of one element type, outputs of one, mostly
// the same.
//
// Such a kernel does almost no arithmetic; its time is bytes / bandwidth. What makes it reach the bandwidth:
//   - 16-byte vectors (of the wider type), neighbouring lanes on neighbouring vectors (vector.h);
//   - enough bytes in flight: each thread issues `Items` independent loads of every input before it uses the first;
//   - nothing between the launch and the first load: the pointer arithmetic is one multiply and one add.
// Tensors whose pointers are not multiples of 16 bytes take the same kernel with one element a vector; the last count % V
// elements of the others are done one by one by the first threads of the grid.
//
// f is a functor with two members:
//     __device__ auto prepare() const;     reads parameters from memory once a thread; returns what is called for each element:
//     __device__ void operator()(const float (&in)[In], float (&out)[Out]) const;
#pragma once

#include <algorithm>

#include "kernels/runtime/cuda/launch.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::tile {

template <class T, int In, int Out, class Y>
struct PointwiseOperands {
    const T* in[In];
    Y* out[Out];  // null: that result is not wanted
};

// Grid: Threads * Items vectors of V elements a block. Lanes along memory. An output may be an input: each place is read by
// the thread that writes it, before it writes. Bytes: count (In sizeof(T) + Out sizeof(Y)).
template <int V, int Items, class T, int In, int Out, class Y, class F>
__global__ void __launch_bounds__(256) pointwise_kernel(F f, PointwiseOperands<T, In, Out, Y> p, int64_t count) {
    const int64_t vectors = count / V;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * (blockDim.x * Items) + threadIdx.x;
    ptx::wait_for_launches();
    const auto g = f.prepare();
    Pack<V> x[Items][In];
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int64_t at = first + item * static_cast<int64_t>(blockDim.x);
        if (at < vectors) {
#pragma unroll
            for (int k = 0; k < In; ++k) x[item][k] = load<V>(p.in[k] + at * V);
        }
    }
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int64_t at = first + item * static_cast<int64_t>(blockDim.x);
        if (at < vectors) {
            Pack<V> y[Out];
#pragma unroll
            for (int i = 0; i < V; ++i) {
                float in[In], out[Out];
#pragma unroll
                for (int k = 0; k < In; ++k) in[k] = x[item][k][i];
                g(in, out);
#pragma unroll
                for (int k = 0; k < Out; ++k) y[k][i] = out[k];
            }
#pragma unroll
            for (int k = 0; k < Out; ++k)
                if (p.out[k]) store(p.out[k] + at * V, y[k]);
        }
    }
    if (V > 1 && blockIdx.x == 0) {
        const int64_t at = vectors * V + threadIdx.x;
        if (at < count) {
            float in[In], out[Out];
#pragma unroll
            for (int k = 0; k < In; ++k) in[k] = cuda::to_float(p.in[k][at]);
            g(in, out);
#pragma unroll
            for (int k = 0; k < Out; ++k)
                if (p.out[k]) p.out[k][at] = cuda::from_float<Y>(out[k]);
        }
    }
}

// Vectors a launch has -> threads a block, vectors a thread. Small tensors spread over many multiprocessors first.
inline constexpr cuda::LaunchRow pointwise_table[] = {{132 * 64, 64, 1}, {132 * 1024, 128, 1}, {INT64_MAX, 256, 4}};

template <class T, int In, int Out, class Y = T, class F>
void pointwise(const F& f, const PointwiseOperands<T, In, Out, Y>& p, int64_t count, cudaStream_t stream) {
    if (count == 0) return;
    constexpr int V = std::min(vector_of<T>, vector_of<Y>);
    bool aligned = true;
    for (const T* in : p.in) aligned = aligned && aligned_16(in);
    for (const Y* out : p.out) aligned = aligned && aligned_16(out);
    const int64_t vectors = aligned ? (count + V - 1) / V : count;
    const cuda::LaunchRow& row = cuda::pick(pointwise_table, vectors);
    const unsigned blocks = cuda::blocks_for(vectors, row.threads * row.items), threads = static_cast<unsigned>(row.threads);
    if (!aligned && row.items == 1)
        cuda::launch_early(pointwise_kernel<1, 1, T, In, Out, Y, F>, blocks, threads, 0, stream, f, p, count);
    else if (!aligned)
        cuda::launch_early(pointwise_kernel<1, 4, T, In, Out, Y, F>, blocks, threads, 0, stream, f, p, count);
    else if (row.items == 1)
        cuda::launch_early(pointwise_kernel<V, 1, T, In, Out, Y, F>, blocks, threads, 0, stream, f, p, count);
    else
        cuda::launch_early(pointwise_kernel<V, 4, T, In, Out, Y, F>, blocks, threads, 0, stream, f, p, count);
}

}  // namespace purnet::tile
