// What follows the sum of a product's element on its way to memory: the epilogue that the kernels of convolutions share, on ordinary cores
// and on tensor cores, of whatever tile.
//
//     v = sum + bias[channel];  v += before;  v = v > 0 ? v : slope v;  v = v > top ? top : v;  y = v + after
//
// before and after have the layout and the type of y; everything between a load and a store is float32, so that y is rounded once.
// As steps of their own these would be as many passes over y; here each costs its operand once (bias: a line of cache). Where nothing
// follows (slope 1, no top, null pointers) the sum is kept to the bit. NaN stays NaN.
//
// The thread that owns N neighbouring columns of a row finishes and writes them: as one vector of N elements where the caller has found
// out that y, before and after are aligned for it (`vectors`) and all N columns exist, else one by one.
#pragma once

#include "kernels/tile/vector.h"

namespace purnet::tile {

template <class T>
struct Epilogue {
    const float* bias = nullptr;
    const T* before = nullptr;
    const T* after = nullptr;
    float slope = 1;
    float top = __builtin_inff();
};

// y[i] = v[i], i < min(N, count).
template <int N, class T>
__device__ __forceinline__ void put_row(T* y, const float (&v)[N], int count, bool vectors) {
    if (vectors && N <= count) {
        Pack<N> pack;
#pragma unroll
        for (int i = 0; i < N; ++i) pack[i] = v[i];
        store(y, pack);
        return;
    }
#pragma unroll
    for (int i = 0; i < N; ++i)
        if (i < count) y[i] = cuda::from_float<T>(v[i]);
}

// v[i] += p[i], i < min(N, count).
template <int N, class T>
__device__ __forceinline__ void add_row(float (&v)[N], const T* p, int count, bool vectors) {
    if (vectors && N <= count) {
        const Pack<N> pack = load<N>(p);
#pragma unroll
        for (int i = 0; i < N; ++i) v[i] += pack[i];
        return;
    }
#pragma unroll
    for (int i = 0; i < N; ++i)
        if (i < count) v[i] += cuda::to_float(p[i]);
}

// y[at + i] = the epilogue of v[i], whose channel is channel + i, for i < min(N, count); v is used up.
template <int N, class T>
__device__ __forceinline__ void finish_row(T* y, int64_t at, int channel, float (&v)[N], int count, bool vectors, const Epilogue<T>& e) {
    if (e.bias) {
#pragma unroll
        for (int i = 0; i < N; ++i)
            if (i < count) v[i] += e.bias[channel + i];
    }
    if (e.before) add_row(v, e.before + at, count, vectors);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        const float u = v[i] > 0.0f ? v[i] : e.slope * v[i];
        v[i] = u > e.top ? e.top : u;
    }
    if (e.after) add_row(v, e.after + at, count, vectors);
    put_row(y + at, v, count, vectors);
}

}  // namespace purnet::tile
