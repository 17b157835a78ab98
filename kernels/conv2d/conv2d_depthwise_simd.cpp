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

// The taps that serve one output: in `sources` and `weights` at its first channel.
struct Serving {
    const float* sources[most_depthwise_taps];
    const float* weights[most_depthwise_taps];
    int count = 0;
};

PURNET_INLINE Serving serving(const DepthwiseRow& row, long q) {
    Serving s;
    for (int t = 0; t < row.count; ++t) {
        const DepthwiseTap& tap = row.taps[t];
        if (q < tap.first || q >= tap.last) continue;
        s.sources[s.count] = tap.source + q * row.in_step;
        s.weights[s.count++] = tap.weight;
    }
    return s;
}

// One output, `vectors` vectors of channels: sums that do not wait for each other.
template <int vectors, bool whole>
PURNET_INLINE void border(const Serving& taps, const gemm::Finish& f, float* out, long at, long c, int part) {
    vfloat acc[vectors];
#pragma GCC unroll 8
    for (int i = 0; i < vectors; ++i) acc[i] = vfloat{};
    for (int t = 0; t < taps.count; ++t) {
        const float *from = taps.sources[t] + c, *weight = taps.weights[t] + c;
#pragma GCC unroll 8
        for (int i = 0; i < vectors; ++i) acc[i] = fma(get<whole>(weight + i * lanes, part), get<whole>(from + i * lanes, part), acc[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < vectors; ++i) put<whole>(f, out, at + c + i * lanes, c + i * lanes, acc[i], part);
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
        long c = 0;
        const int rest = static_cast<int>(row.channels % lanes);
        if (q >= begin && q + at_once <= end) {
            for (; c + lanes <= row.channels; c += lanes) inner<true>(row, f, out, q, c, lanes);
            if (rest) inner<false>(row, f, out, q, c, rest);
            q += at_once;
            continue;
        }
        const Serving taps = serving(row, q);
        const long at = q * row.out_step;
        for (; c + at_once * lanes <= row.channels; c += at_once * lanes) border<at_once, true>(taps, f, out, at, c, lanes);
        for (; c + 4 * lanes <= row.channels; c += 4 * lanes) border<4, true>(taps, f, out, at, c, lanes);
        for (; c + lanes <= row.channels; c += lanes) border<1, true>(taps, f, out, at, c, lanes);
        if (rest) border<1, false>(taps, f, out, at, c, rest);
        ++q;
    }
}

void depthwise_row_gradient(const DepthwiseRow& row, const float* dy, float* sums) {
    long c = 0;
    for (; c + lanes <= row.channels; c += lanes) gradients<true>(row, dy, sums, c, lanes);
    if (c < row.channels) gradients<false>(row, dy, sums, c, static_cast<int>(row.channels - c));
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
