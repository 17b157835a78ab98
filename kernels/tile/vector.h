// Vector access: a warp moves memory fastest when each lane takes 16 bytes and neighbouring lanes take neighbouring ones: 32
// lanes ask for 512 contiguous bytes in one instruction, which the memory system serves as 16 whole 32-byte sectors.
//
// Pack<N> holds N values in float32. load<N>(p) reads N elements of float32 or bf16 that begin at an address which is a
// multiple of their common size (4 float32 or 8 bf16 are 16 bytes), store(p, pack) writes them. Element types never mix with
// arithmetic: everything between a load and a store is float32.
#pragma once

#include "kernels/runtime/cuda/bf16.h"

namespace purnet::tile {

template <int N>
struct Pack {
    float at[N];

    __device__ __forceinline__ float& operator[](int i) { return at[i]; }
    __device__ __forceinline__ float operator[](int i) const { return at[i]; }
};

// How many elements of T one lane moves at once.
template <class T>
inline constexpr int vector_of = 16 / static_cast<int>(sizeof(T));

namespace detail {
template <int Bytes>
struct Raw;
template <>
struct Raw<2> {
    using type = unsigned short;
};
template <>
struct Raw<4> {
    using type = unsigned;
};
template <>
struct Raw<8> {
    using type = uint2;
};
template <>
struct Raw<16> {
    using type = uint4;
};

template <class R>
struct Words {
    static constexpr int count = (sizeof(R) + 3) / 4;
    union {
        R raw;
        unsigned word[count];
        unsigned short half[2 * count];
    };
};
}  // namespace detail

template <int N, class T>
__device__ __forceinline__ Pack<N> load(const T* p) {
    using R = typename detail::Raw<N * sizeof(T)>::type;
    detail::Words<R> w;
    w.raw = *reinterpret_cast<const R*>(p);
    Pack<N> v;
#pragma unroll
    for (int i = 0; i < N; ++i)
        v[i] = sizeof(T) == 4 ? __uint_as_float(w.word[i]) : __uint_as_float(static_cast<unsigned>(w.half[i]) << 16);
    return v;
}

template <int N, class T>
__device__ __forceinline__ void store(T* p, const Pack<N>& v) {
    using R = typename detail::Raw<N * sizeof(T)>::type;
    detail::Words<R> w;
    if constexpr (sizeof(T) == 4) {
#pragma unroll
        for (int i = 0; i < N; ++i) w.word[i] = __float_as_uint(v[i]);
    } else if constexpr (N == 1) {
        w.half[0] = __bfloat16_as_ushort(__float2bfloat16_rn(v[0]));
    } else {
#pragma unroll
        for (int i = 0; i < N / 2; ++i) w.word[i] = cuda::pack_bf16(v[2 * i], v[2 * i + 1]);
    }
    *reinterpret_cast<R*>(p) = w.raw;
}

template <int N>
__device__ __forceinline__ Pack<N> zeros() {
    Pack<N> v;
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = 0;
    return v;
}

// True where every pointer is a multiple of 16 bytes (null pointers are): the launcher then takes the vector kernel.
template <class... P>
bool aligned_16(const P*... pointers) {
    return ((reinterpret_cast<size_t>(pointers) % 16 == 0) && ...);
}

}  // namespace purnet::tile
