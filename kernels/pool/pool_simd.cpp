// One position of the output at a time; running values of a piece of the channels stay in registers over all links.
#include "kernels/pool/pool_simd.h"

#include "kernels/simd/vec.h"

namespace purnet::pool::PURNET_ISA_NAME {
namespace {

using purnet::PURNET_ISA_NAME::broadcast;
using purnet::PURNET_ISA_NAME::lanes;
using purnet::PURNET_ISA_NAME::load;
using purnet::PURNET_ISA_NAME::load_part;
using purnet::PURNET_ISA_NAME::store;
using purnet::PURNET_ISA_NAME::store_part;
using purnet::PURNET_ISA_NAME::vfloat;

#define PURNET_LOCAL inline __attribute__((always_inline))

// A vector of which n lanes count; n is `lanes` but in the last piece of a row of channels.
PURNET_LOCAL vfloat take(const float* p, int n) { return n == lanes ? load(p) : load_part(p, n); }
PURNET_LOCAL void give(float* p, vfloat v, int n) { return n == lanes ? store(p, v) : store_part(p, v, n); }

// Taps as vectors of floats: they are small integers.
PURNET_LOCAL void give_taps(uint8_t* p, vfloat v, int n) {
    float part[lanes];
    store(part, v);
    if (n == lanes)
        for (int i = 0; i < lanes; ++i) p[i] = static_cast<uint8_t>(static_cast<int32_t>(part[i]));
    else
        for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(static_cast<int32_t>(part[i]));
}
PURNET_LOCAL vfloat take_taps(const uint8_t* p, int n) {
    float part[lanes] = {};
    if (n == lanes)
        for (int i = 0; i < lanes; ++i) part[i] = static_cast<float>(static_cast<int32_t>(p[i]));
    else
        for (int i = 0; i < n; ++i) part[i] = static_cast<float>(static_cast<int32_t>(p[i]));
    return load(part);
}

// U vectors at once; n lanes of the last.
template <int U>
PURNET_LOCAL void maximum_piece(const float* x, const Link* links, int count, int n, float* y, uint8_t* tap) {
    vfloat best[U], at[U];
    for (int u = 0; u < U; ++u) {
        best[u] = take(x + links[0].offset + u * lanes, u + 1 < U ? lanes : n);
        at[u] = broadcast(static_cast<float>(links[0].tap));
    }
    for (int k = 1; k < count; ++k) {
        const float* other = x + links[k].offset;
        const vfloat code = broadcast(static_cast<float>(links[k].tap));
        for (int u = 0; u < U; ++u) {
            const vfloat v = take(other + u * lanes, u + 1 < U ? lanes : n);
            const auto wins = (v > best[u]) | (v != v);  // NaN wins
            best[u] = wins ? v : best[u];
            at[u] = wins ? code : at[u];
        }
    }
    for (int u = 0; u < U; ++u) {
        give(y + u * lanes, best[u], u + 1 < U ? lanes : n);
        if (tap) give_taps(tap + u * lanes, at[u], u + 1 < U ? lanes : n);
    }
}

template <int U>
PURNET_LOCAL void route_piece(const float* dy, const uint8_t* tap, const Link* links, int count, int n, float* dx) {
    vfloat sum[U];
    for (int u = 0; u < U; ++u) sum[u] = broadcast(0.0f);
    for (int k = 0; k < count; ++k) {
        const vfloat code = broadcast(static_cast<float>(links[k].tap));
        for (int u = 0; u < U; ++u) {
            const int m = u + 1 < U ? lanes : n;
            const vfloat g = take(dy + links[k].offset + u * lanes, m), t = take_taps(tap + links[k].offset + u * lanes, m);
            sum[u] += t == code ? g : broadcast(0.0f);
        }
    }
    for (int u = 0; u < U; ++u) give(dx + u * lanes, sum[u], u + 1 < U ? lanes : n);
}

template <int U>
PURNET_LOCAL void weighted_piece(const float* x, const Link* links, int count, int n, float divisor, float* y) {
    vfloat sum[U];
    for (int u = 0; u < U; ++u) sum[u] = broadcast(0.0f);
    for (int k = 0; k < count; ++k) {
        const vfloat weight = broadcast(links[k].weight);
        for (int u = 0; u < U; ++u) sum[u] += take(x + links[k].offset + u * lanes, u + 1 < U ? lanes : n) * weight;
    }
    for (int u = 0; u < U; ++u) give(y + u * lanes, sum[u] / broadcast(divisor), u + 1 < U ? lanes : n);
}

// Calls body4, body1 with the first channel of pieces of 4 vectors and of 1; the second also with the lanes that count.
template <class Four, class One>
PURNET_LOCAL void each_piece(int64_t channels, Four&& four, One&& one) {
    int64_t c = 0;
    for (; c + 4 * lanes <= channels; c += 4 * lanes) four(c);
    for (; c < channels; c += lanes) one(c, channels - c < lanes ? static_cast<int>(channels - c) : lanes);
}

}  // namespace

void maximum_at(const float* x, const Link* links, int count, int64_t channels, float* y, uint8_t* tap) {
    const auto taps = [&](int64_t c) { return tap ? tap + c : nullptr; };
    each_piece(
        channels, [&](int64_t c) { maximum_piece<4>(x + c, links, count, lanes, y + c, taps(c)); },
        [&](int64_t c, int n) { maximum_piece<1>(x + c, links, count, n, y + c, taps(c)); });
}

void route_at(const float* dy, const uint8_t* tap, const Link* links, int count, int64_t channels, float* dx) {
    each_piece(
        channels, [&](int64_t c) { route_piece<4>(dy + c, tap + c, links, count, lanes, dx + c); },
        [&](int64_t c, int n) { route_piece<1>(dy + c, tap + c, links, count, n, dx + c); });
}

void weighted_at(const float* x, const Link* links, int count, int64_t channels, float divisor, float* y) {
    each_piece(
        channels, [&](int64_t c) { weighted_piece<4>(x + c, links, count, lanes, divisor, y + c); },
        [&](int64_t c, int n) { weighted_piece<1>(x + c, links, count, n, divisor, y + c); });
}

}  // namespace purnet::pool::PURNET_ISA_NAME
