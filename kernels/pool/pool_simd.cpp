// One position of the output at a time: channels in pieces of 64 whose running values stay in registers or the first cache.
#include "kernels/pool/pool_simd.h"

namespace purnet::pool::PURNET_ISA_NAME {
namespace {

constexpr int piece = 64;

template <bool whole>
inline __attribute__((always_inline)) void maximum_piece(const float* x, const Link* links, int count, int n, float* y, uint8_t* tap) {
    const int m = whole ? piece : n;
    float best[piece];
    int32_t at[piece];
    {
        const float* first = x + links[0].offset;
#pragma omp simd
        for (int j = 0; j < m; ++j) {
            best[j] = first[j];
            at[j] = links[0].tap;
        }
    }
    for (int k = 1; k < count; ++k) {
        const float* other = x + links[k].offset;
        const int32_t code = links[k].tap;
#pragma omp simd
        for (int j = 0; j < m; ++j) {
            const bool wins = other[j] > best[j] || other[j] != other[j];
            best[j] = wins ? other[j] : best[j];
            at[j] = wins ? code : at[j];
        }
    }
#pragma omp simd
    for (int j = 0; j < m; ++j) y[j] = best[j];
    if (tap)
#pragma omp simd
        for (int j = 0; j < m; ++j) tap[j] = static_cast<uint8_t>(at[j]);
}

template <bool whole>
inline __attribute__((always_inline)) void route_piece(const float* dy, const uint8_t* tap, const Link* links, int count, int n,
                                                       float* dx) {
    const int m = whole ? piece : n;
    float sum[piece];
#pragma omp simd
    for (int j = 0; j < m; ++j) sum[j] = 0.0f;
    for (int k = 0; k < count; ++k) {
        const float* g = dy + links[k].offset;
        const uint8_t* t = tap + links[k].offset;
        const int32_t code = links[k].tap;
#pragma omp simd
        for (int j = 0; j < m; ++j) sum[j] += static_cast<int32_t>(t[j]) == code ? g[j] : 0.0f;
    }
#pragma omp simd
    for (int j = 0; j < m; ++j) dx[j] = sum[j];
}

template <bool whole>
inline __attribute__((always_inline)) void weighted_piece(const float* x, const Link* links, int count, int n, float divisor, float* y) {
    const int m = whole ? piece : n;
    float sum[piece];
#pragma omp simd
    for (int j = 0; j < m; ++j) sum[j] = 0.0f;
    for (int k = 0; k < count; ++k) {
        const float* v = x + links[k].offset;
        const float weight = links[k].weight;
#pragma omp simd
        for (int j = 0; j < m; ++j) sum[j] += v[j] * weight;
    }
#pragma omp simd
    for (int j = 0; j < m; ++j) y[j] = sum[j] / divisor;
}

}  // namespace

void maximum_at(const float* x, const Link* links, int count, int64_t channels, float* y, uint8_t* tap) {
    int64_t c = 0;
    for (; c + piece <= channels; c += piece) maximum_piece<true>(x + c, links, count, piece, y + c, tap ? tap + c : nullptr);
    if (c < channels) maximum_piece<false>(x + c, links, count, static_cast<int>(channels - c), y + c, tap ? tap + c : nullptr);
}

void route_at(const float* dy, const uint8_t* tap, const Link* links, int count, int64_t channels, float* dx) {
    int64_t c = 0;
    for (; c + piece <= channels; c += piece) route_piece<true>(dy + c, tap + c, links, count, piece, dx + c);
    if (c < channels) route_piece<false>(dy + c, tap + c, links, count, static_cast<int>(channels - c), dx + c);
}

void weighted_at(const float* x, const Link* links, int count, int64_t channels, float divisor, float* y) {
    int64_t c = 0;
    for (; c + piece <= channels; c += piece) weighted_piece<true>(x + c, links, count, piece, divisor, y + c);
    if (c < channels) weighted_piece<false>(x + c, links, count, static_cast<int>(channels - c), divisor, y + c);
}

}  // namespace purnet::pool::PURNET_ISA_NAME
