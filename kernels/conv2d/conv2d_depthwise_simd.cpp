#include "kernels/conv2d/conv2d_depthwise_simd.h"

#include "kernels/simd/vec.h"

namespace purnet::conv2d::PURNET_ISA_NAME {

using namespace purnet::PURNET_ISA_NAME;

namespace {

constexpr int wide = 4;  // vectors of channels held at once: enough independent sums to hide the latency of an addition

// Calls body.template operator()<vectors>(first channel, lanes of the last vector) over all channels.
template <class Body>
inline __attribute__((always_inline)) void over_channels(long c, Body body) {
    long at = 0;
    for (; at + wide * lanes <= c; at += wide * lanes) body.template operator()<wide>(at, lanes);
    for (; at < c; at += lanes) body.template operator()<1>(at, static_cast<int>(c - at < lanes ? c - at : lanes));
}

template <int vectors>
inline __attribute__((always_inline)) vfloat take(const float* p, int v, int last) {
    return vectors == 1 && last < lanes ? load_part(p, last) : load(p + v * lanes);
}

template <int vectors>
inline __attribute__((always_inline)) void put(float* p, int v, vfloat value, int last) {
    if (vectors == 1 && last < lanes)
        store_part(p, value, last);
    else
        store(p + v * lanes, value);
}

}  // namespace

void depthwise_forward_rows(const DepthwiseShape& s, const float* x, const float* taps, const float* bias, float* y, long begin, long end) {
    for (long row = begin; row < end; ++row) {
        const long n = row / s.out_h, p = row % s.out_h;
        over_channels(s.c, [&]<int vectors>(long c0, int last) {
            for (long q = 0; q < s.out_w; ++q) {
                vfloat sum[vectors];
                for (int v = 0; v < vectors; ++v) sum[v] = bias ? take<vectors>(bias + c0, v, last) : vfloat{};
                for (long ky = 0; ky < s.kh; ++ky) {
                    const long ih = p * s.stride - s.top + ky * s.dilation;
                    if (ih < 0 || ih >= s.h) continue;
                    for (long kx = 0; kx < s.kw; ++kx) {
                        const long iw = q * s.stride - s.left + kx * s.dilation;
                        if (iw < 0 || iw >= s.w) continue;
                        const float* from = x + ((n * s.h + ih) * s.w + iw) * s.c + c0;
                        const float* tap = taps + (ky * s.kw + kx) * s.c + c0;
                        for (int v = 0; v < vectors; ++v) sum[v] = fma(take<vectors>(from, v, last), take<vectors>(tap, v, last), sum[v]);
                    }
                }
                float* to = y + (row * s.out_w + q) * s.c + c0;
                for (int v = 0; v < vectors; ++v) put<vectors>(to, v, sum[v], last);
            }
        });
    }
}

void depthwise_backward_data_rows(const DepthwiseShape& s, const float* dy, const float* taps, const float* bias, float* dx, long begin,
                                  long end) {
    for (long row = begin; row < end; ++row) {
        const long n = row / s.h, ih = row % s.h;
        over_channels(s.c, [&]<int vectors>(long c0, int last) {
            for (long iw = 0; iw < s.w; ++iw) {
                vfloat sum[vectors];
                for (int v = 0; v < vectors; ++v) sum[v] = bias ? take<vectors>(bias + c0, v, last) : vfloat{};
                for (long ky = 0; ky < s.kh; ++ky) {
                    const long down = ih + s.top - ky * s.dilation;
                    if (down < 0 || down % s.stride != 0 || down / s.stride >= s.out_h) continue;
                    for (long kx = 0; kx < s.kw; ++kx) {
                        const long right = iw + s.left - kx * s.dilation;
                        if (right < 0 || right % s.stride != 0 || right / s.stride >= s.out_w) continue;
                        const float* from = dy + ((n * s.out_h + down / s.stride) * s.out_w + right / s.stride) * s.c + c0;
                        const float* tap = taps + (ky * s.kw + kx) * s.c + c0;
                        for (int v = 0; v < vectors; ++v) sum[v] = fma(take<vectors>(from, v, last), take<vectors>(tap, v, last), sum[v]);
                    }
                }
                float* to = dx + (row * s.w + iw) * s.c + c0;
                for (int v = 0; v < vectors; ++v) put<vectors>(to, v, sum[v], last);
            }
        });
    }
}

void depthwise_backward_weights_rows(const DepthwiseShape& s, const float* x, const float* dy, float* dtaps, long begin, long end) {
    for (long row = begin; row < end; ++row) {
        const long n = row / s.out_h, p = row % s.out_h;
        for (long ky = 0; ky < s.kh; ++ky) {
            const long ih = p * s.stride - s.top + ky * s.dilation;
            if (ih < 0 || ih >= s.h) continue;
            for (long kx = 0; kx < s.kw; ++kx) {
                // Columns q with 0 <= q * stride - left + kx * dilation < w.
                const long shift = kx * s.dilation - s.left;
                const long first = shift >= 0 ? 0 : (-shift + s.stride - 1) / s.stride;
                const long room = s.w - 1 - shift;
                const long after = room < 0 ? 0 : (room / s.stride + 1 < s.out_w ? room / s.stride + 1 : s.out_w);
                over_channels(s.c, [&]<int vectors>(long c0, int last) {
                    float* tap = dtaps + (ky * s.kw + kx) * s.c + c0;
                    vfloat sum[vectors];
                    for (int v = 0; v < vectors; ++v) sum[v] = take<vectors>(tap, v, last);
                    for (long q = first; q < after; ++q) {
                        const float* from = x + ((n * s.h + ih) * s.w + q * s.stride + shift) * s.c + c0;
                        const float* by = dy + (row * s.out_w + q) * s.c + c0;
                        for (int v = 0; v < vectors; ++v) sum[v] = fma(take<vectors>(from, v, last), take<vectors>(by, v, last), sum[v]);
                    }
                    for (int v = 0; v < vectors; ++v) put<vectors>(tap, v, sum[v], last);
                });
            }
        }
    }
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
