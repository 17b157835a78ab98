#include "kernels/conv2d/conv2d_plain_simd.h"

#include "kernels/simd/vec.h"

namespace purnet::conv2d::PURNET_ISA_NAME {
namespace {

using namespace purnet::PURNET_ISA_NAME;

struct Sizes {
    long n, h, w, c, o, kh, kw, out_h, out_w, in_group, out_group, stride, dilation, top, left;
    explicit Sizes(const Problem& p)
        : n(p.n),
          h(p.h),
          w(p.w),
          c(p.c),
          o(p.o),
          kh(p.kh),
          kw(p.kw),
          out_h((p.h + p.pads.top + p.pads.bottom - (p.kh - 1) * p.dilation - 1) / p.stride + 1),
          out_w((p.w + p.pads.left + p.pads.right - (p.kw - 1) * p.dilation - 1) / p.stride + 1),
          in_group(p.c / p.groups),
          out_group(p.o / p.groups),
          stride(p.stride),
          dilation(p.dilation),
          top(p.pads.top),
          left(p.pads.left) {}
};

inline float dot(const float* a, const float* b, long count) {
    vfloat even{}, odd{};
    long i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        even = fma(load(a + i), load(b + i), even);
        odd = fma(load(a + i + lanes), load(b + i + lanes), odd);
    }
    for (; i < count; i += lanes) {
        const int part = count - i < lanes ? static_cast<int>(count - i) : lanes;
        even = fma(load_part(a + i, part), load_part(b + i, part), even);
    }
    return sum(even + odd);
}

inline void add_scaled(float* y, const float* x, float factor, long count) {
    const vfloat f = broadcast(factor);
    long i = 0;
    for (; i + lanes <= count; i += lanes) store(y + i, fma(load(x + i), f, load(y + i)));
    if (i < count) {
        const int part = static_cast<int>(count - i);
        store_part(y + i, fma(load_part(x + i, part), f, load_part(y + i, part)), part);
    }
}

}  // namespace

void plain_forward_rows(const Problem& problem, const float* x, const float* weight, const float* bias, float* y, long begin, long end) {
    const Sizes s(problem);
    for (long row = begin; row < end; ++row) {
        const long image = row / s.out_h, p = row % s.out_h;
        for (long q = 0; q < s.out_w; ++q)
            for (long o = 0; o < s.o; ++o) {
                float total = bias ? bias[o] : 0;
                for (long ky = 0; ky < s.kh; ++ky) {
                    const long i = p * s.stride - s.top + ky * s.dilation;
                    if (i < 0 || i >= s.h) continue;
                    for (long kx = 0; kx < s.kw; ++kx) {
                        const long j = q * s.stride - s.left + kx * s.dilation;
                        if (j < 0 || j >= s.w) continue;
                        const float* in = x + ((image * s.h + i) * s.w + j) * s.c + o / s.out_group * s.in_group;
                        const float* tap = weight + ((o * s.kh + ky) * s.kw + kx) * s.in_group;
                        total += s.in_group == 1 ? in[0] * tap[0] : dot(in, tap, s.in_group);
                    }
                }
                y[(row * s.out_w + q) * s.o + o] = total;
            }
    }
}

namespace {

// One channel to one channel without dilation (the upsampling heads): dy's pixels are spread, each over a run of kw neighbours.
void spread_rows(const Sizes& s, const float* dy, const float* weight, const float* bias, float* dx, long begin, long end) {
    for (long row = begin; row < end; ++row) {
        const long image = row / s.h, i = row % s.h;
        float* out = dx + row * s.w;
        for (long j = 0; j < s.w; ++j) out[j] = bias ? bias[0] : 0;
        for (long ky = 0; ky < s.kh; ++ky) {
            const long from_top = i + s.top - ky;
            if (from_top < 0 || from_top % s.stride || from_top / s.stride >= s.out_h) continue;
            const float* g = dy + (image * s.out_h + from_top / s.stride) * s.out_w;
            const float* taps = weight + ky * s.kw;
            for (long q = 0; q < s.out_w; ++q) {
                const long at = q * s.stride - s.left;
                const long first = at < 0 ? -at : 0, after = at + s.kw > s.w ? s.w - at : s.kw;
                const float value = g[q];
#pragma omp simd
                for (long kx = first; kx < after; ++kx) out[at + kx] += value * taps[kx];
            }
        }
    }
}

}  // namespace

void plain_backward_data_rows(const Problem& problem, const float* dy, const float* weight, const float* bias, float* dx, long begin,
                              long end) {
    const Sizes s(problem);
    if (s.c == 1 && s.o == 1 && s.dilation == 1) return spread_rows(s, dy, weight, bias, dx, begin, end);
    for (long row = begin; row < end; ++row) {
        const long image = row / s.h, i = row % s.h;
        for (long j = 0; j < s.w; ++j) {
            float* out = dx + (row * s.w + j) * s.c;
            for (long k = 0; k < s.c; ++k) out[k] = bias ? bias[k] : 0;
            for (long ky = 0; ky < s.kh; ++ky) {
                const long from_top = i + s.top - ky * s.dilation;
                if (from_top < 0 || from_top % s.stride || from_top / s.stride >= s.out_h) continue;
                for (long kx = 0; kx < s.kw; ++kx) {
                    const long from_left = j + s.left - kx * s.dilation;
                    if (from_left < 0 || from_left % s.stride || from_left / s.stride >= s.out_w) continue;
                    const float* g = dy + ((image * s.out_h + from_top / s.stride) * s.out_w + from_left / s.stride) * s.o;
                    for (long o = 0; o < s.o; ++o) {
                        const float* tap = weight + ((o * s.kh + ky) * s.kw + kx) * s.in_group;
                        float* to = out + o / s.out_group * s.in_group;
                        if (s.in_group == 1)
                            *to += g[o] * tap[0];
                        else
                            add_scaled(to, tap, g[o], s.in_group);
                    }
                }
            }
        }
    }
}

void plain_backward_weights_units(const Problem& problem, const float* x, const float* dy, float* dweight, long begin, long end) {
    const Sizes s(problem);
    for (long unit = begin; unit < end; ++unit) {
        const long o = unit / (s.kh * s.kw), ky = unit / s.kw % s.kh, kx = unit % s.kw;
        float* out = dweight + unit * s.in_group;
        for (long k = 0; k < s.in_group; ++k) out[k] = 0;
        const float* from = x + o / s.out_group * s.in_group;
        for (long image = 0; image < s.n; ++image)
            for (long p = 0; p < s.out_h; ++p) {
                const long i = p * s.stride - s.top + ky * s.dilation;
                if (i < 0 || i >= s.h) continue;
                float single = 0;
                for (long q = 0; q < s.out_w; ++q) {
                    const long j = q * s.stride - s.left + kx * s.dilation;
                    if (j < 0 || j >= s.w) continue;
                    const float g = dy[((image * s.out_h + p) * s.out_w + q) * s.o + o];
                    const float* in = from + ((image * s.h + i) * s.w + j) * s.c;
                    if (s.in_group == 1)
                        single += g * in[0];
                    else
                        add_scaled(out, in, g, s.in_group);
                }
                if (s.in_group == 1) out[0] += single;
            }
    }
}

void plain_backward_bias(long pixels, long o, const float* dy, float* dbias, long begin, long end) {
    // Sums of 256 rows first: float32 sums over a million pixels would lose three digits.
    constexpr long block = 256;
    for (long k = begin; k < end; k += lanes) {
        const int part = end - k < lanes ? static_cast<int>(end - k) : lanes;
        vfloat total{};
        for (long row = 0; row < pixels; row += block) {
            const long last = pixels < row + block ? pixels : row + block;
            vfloat inner{};
            for (long r = row; r < last; ++r) inner += part == lanes ? load(dy + r * o + k) : load_part(dy + r * o + k, part);
            total += inner;
        }
        store_part(dbias + k, total, part);
    }
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
