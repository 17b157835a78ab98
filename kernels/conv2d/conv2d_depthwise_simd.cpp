#include "kernels/conv2d/conv2d_depthwise_simd.h"

#include "kernels/simd/vec.h"

namespace purnet::conv2d::PURNET_ISA_NAME {
namespace {

using namespace purnet::PURNET_ISA_NAME;

#define PURNET_INLINE inline __attribute__((always_inline))

constexpr int at_once = 8;

template <bool whole>
PURNET_INLINE vfloat get(const float* p, int part) {
    return whole ? load(p) : load_part(p, part);
}

template <bool whole>
PURNET_INLINE void put(const gemm::Finish& f, float* out, long at, long c, vfloat v, int part) {
    if (f.bias) v += get<whole>(f.bias + c, part);
    if (f.before) v += get<whole>(f.before + at, part);
    v = v > 0 ? v : broadcast(f.slope) * v;
    const vfloat top = broadcast(f.top);
    v = v > top ? top : v;
    if (f.after) v += get<whole>(f.after + at, part);
    if (whole)
        store(out + at, v);
    else
        store_part(out + at, v, part);
}

// Outputs q .. q + 7, where every tap has a source.
template <bool whole>
PURNET_INLINE void inner(const DepthwiseRow& row, const gemm::Finish& f, float* out, long q, long c, int part) {
    vfloat acc[at_once];
#pragma GCC unroll 8
    for (int i = 0; i < at_once; ++i) acc[i] = vfloat{};
    for (int t = 0; t < row.count; ++t) {
        const float* from = row.taps[t].source + q * row.in_step + c;
        const vfloat w = get<whole>(row.taps[t].weight + c, part);
#pragma GCC unroll 8
        for (int i = 0; i < at_once; ++i) acc[i] = fma(w, get<whole>(from + i * row.in_step, part), acc[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < at_once; ++i) put<whole>(f, out, (q + i) * row.out_step + c, c, acc[i], part);
}

template <bool whole>
PURNET_INLINE void border(const DepthwiseRow& row, const gemm::Finish& f, float* out, long q, long c, int part) {
    vfloat acc{};
    for (int t = 0; t < row.count; ++t) {
        const DepthwiseTap& tap = row.taps[t];
        if (q < tap.first || q >= tap.last) continue;
        acc = fma(get<whole>(tap.weight + c, part), get<whole>(tap.source + q * row.in_step + c, part), acc);
    }
    put<whole>(f, out, q * row.out_step + c, c, acc, part);
}

// Accumulators of `taps` taps from the row's tap `first` on, for one vector of channels.
template <int taps, bool whole>
PURNET_INLINE void gradient(const DepthwiseRow& row, int first, const float* dy, float* sums, long c, int part) {
    vfloat acc[taps];
    const float* source[taps];
    long begin = 0, end = row.outputs;
#pragma GCC unroll 8
    for (int t = 0; t < taps; ++t) {
        const DepthwiseTap& tap = row.taps[first + t];
        acc[t] = vfloat{};
        source[t] = tap.source + c;
        if (tap.first > begin) begin = tap.first;
        if (tap.last < end) end = tap.last;
    }
    // The outputs that only some taps serve, one by one.
    for (int t = 0; t < taps; ++t) {
        const DepthwiseTap& tap = row.taps[first + t];
        for (long q = tap.first; q < tap.last; ++q) {
            if (q == begin && begin < end) q = end;
            if (q >= tap.last) break;
            acc[t] = fma(get<whole>(dy + q * row.out_step + c, part), get<whole>(source[t] + q * row.in_step, part), acc[t]);
        }
    }
    for (long q = begin; q < end; ++q) {
        const vfloat g = get<whole>(dy + q * row.out_step + c, part);
#pragma GCC unroll 8
        for (int t = 0; t < taps; ++t) acc[t] = fma(g, get<whole>(source[t] + q * row.in_step, part), acc[t]);
    }
    for (int t = 0; t < taps; ++t) {
        float* to = sums + (first + t) * row.channels + c;
        if (whole)
            store(to, load(to) + acc[t]);
        else
            store_part(to, load_part(to, part) + acc[t], part);
    }
}

template <bool whole>
PURNET_INLINE void gradients(const DepthwiseRow& row, const float* dy, float* sums, long c, int part) {
    int t = 0;
    for (; t + 5 <= row.count; t += 5) gradient<5, whole>(row, t, dy, sums, c, part);
    for (; t + 3 <= row.count; t += 3) gradient<3, whole>(row, t, dy, sums, c, part);
    for (; t < row.count; ++t) gradient<1, whole>(row, t, dy, sums, c, part);
}

}  // namespace

void depthwise_row(const DepthwiseRow& row, const gemm::Finish& f, float* out) {
    long begin = 0, end = row.outputs;
    for (int t = 0; t < row.count; ++t) {
        if (row.taps[t].first > begin) begin = row.taps[t].first;
        if (row.taps[t].last < end) end = row.taps[t].last;
    }
    for (long q = 0; q < row.outputs;) {
        const bool all = q >= begin && q + at_once <= end;
        long c = 0;
        if (all)
            for (; c + lanes <= row.channels; c += lanes) inner<true>(row, f, out, q, c, lanes);
        else
            for (; c + lanes <= row.channels; c += lanes) border<true>(row, f, out, q, c, lanes);
        if (c < row.channels) {
            const int part = static_cast<int>(row.channels - c);
            if (all)
                inner<false>(row, f, out, q, c, part);
            else
                border<false>(row, f, out, q, c, part);
        }
        q += all ? at_once : 1;
    }
}

void depthwise_row_gradient(const DepthwiseRow& row, const float* dy, float* sums) {
    long c = 0;
    for (; c + lanes <= row.channels; c += lanes) gradients<true>(row, dy, sums, c, lanes);
    if (c < row.channels) gradients<false>(row, dy, sums, c, static_cast<int>(row.channels - c));
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
