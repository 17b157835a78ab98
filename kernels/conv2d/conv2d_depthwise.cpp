#include "kernels/conv2d/conv2d_depthwise.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_depthwise_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::depthwise {
namespace {

constexpr int64_t parts = 16;  // of the sum over rows in the weight gradient

// Outputs q of 0 .. outputs-1 whose source column q * step + offset lies in 0 .. width-1.
void valid_range(int64_t offset, int64_t step, int64_t width, int64_t outputs, long& first, long& last) {
    first = offset < 0 ? (-offset + step - 1) / step : 0;
    last = offset >= width ? 0 : std::min(outputs, (width - 1 - offset) / step + 1);
    if (last < first) first = last = 0;
}

// Row `p` of phase (a, b) of the output of one picture.
DepthwiseRow row_of(const Problem& s, Pass pass, int64_t a, int64_t b, int64_t p, const float* src, const float* packed) {
    DepthwiseRow row;
    row.count = 0;
    row.channels = s.c;
    const bool forward = pass == Pass::forward;
    const int64_t phases = forward ? 1 : s.stride, step = forward ? s.stride : 1;
    const int64_t width = forward ? s.w : s.out_w(), height = forward ? s.h : s.out_h();
    row.outputs = forward ? s.out_w() : (s.w - b + phases - 1) / phases;
    row.in_step = step * s.c;
    row.out_step = phases * s.c;
    for (int64_t ky = 0; ky < s.kh; ++ky)
        for (int64_t kx = 0; kx < s.kw; ++kx) {
            int64_t dy = ky * s.dilation - s.pads.top, dx = kx * s.dilation - s.pads.left;
            if (!forward) {
                dy = a - dy, dx = b - dx;
                if (dy % s.stride || dx % s.stride) continue;
                dy /= s.stride, dx /= s.stride;
            }
            const int64_t i = p * step + dy;
            if (i < 0 || i >= height) continue;
            DepthwiseTap& tap = row.taps[row.count];
            valid_range(dx, step, width, row.outputs, tap.first, tap.last);
            if (tap.first == tap.last) continue;
            tap.source = src + (i * width + dx) * s.c;
            tap.weight = packed + (ky * s.kw + kx) * s.c;
            ++row.count;
        }
    return row;
}

}  // namespace

size_t packed_floats(const Problem& p) { return static_cast<size_t>(p.weight_count()); }

void pack(const Problem& p, const float* weight, float* packed) {
    const int64_t taps = p.kh * p.kw;
    for (int64_t c = 0; c < p.c; ++c)
        for (int64_t t = 0; t < taps; ++t) packed[t * p.c + c] = weight[c * taps + t];
}

void run(const Problem& s, Pass pass, const float* src, const float* packed, const gemm::Finish& finish, float* out) {
    const auto kernel = PURNET_PICK(depthwise_row);
    const bool forward = pass == Pass::forward;
    const int64_t phases = forward ? 1 : s.stride;
    const int64_t out_h = forward ? s.out_h() : s.h, out_w = forward ? s.out_w() : s.w;
    const int64_t picture = forward ? s.h * s.w * s.c : s.out_h() * s.out_w() * s.c;
    parallel_for(s.n * out_h, 1, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const int64_t n = r / out_h, i = r % out_h;
            for (int64_t b = 0; b < std::min(phases, out_w); ++b) {
                const DepthwiseRow row = row_of(s, pass, i % phases, b, i / phases, src + n * picture, packed);
                const int64_t at = (r * out_w + b) * s.c;
                gemm::Finish f = finish;
                if (f.before) f.before += at;
                if (f.after) f.after += at;
                kernel(row, f, out + at);
            }
        }
    });
}

size_t backward_weights_scratch_floats(const Problem& p) { return static_cast<size_t>(parts * p.weight_count()); }

void backward_weights(const Problem& s, const float* x, const float* dy, float* dweight, float* scratch) {
    const auto kernel = PURNET_PICK(depthwise_row_gradient);
    const int64_t taps = s.kh * s.kw, rows = s.n * s.out_h(), width = s.out_w();
    parallel_for(parts, 1, [&](int64_t first_part, int64_t last_part) {
        for (int64_t part = first_part; part < last_part; ++part) {
            float* sums = scratch + part * taps * s.c;
            std::fill_n(sums, taps * s.c, 0.0f);
            for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
                const int64_t n = r / s.out_h(), p = r % s.out_h();
                // Kernel rows one after the other: the sums of one lie side by side.
                for (int64_t ky = 0; ky < s.kh; ++ky) {
                    const int64_t i = p * s.stride - s.pads.top + ky * s.dilation;
                    if (i < 0 || i >= s.h) continue;
                    DepthwiseRow row;
                    row.count = static_cast<int>(s.kw);
                    row.outputs = width, row.channels = s.c;
                    row.in_step = s.stride * s.c, row.out_step = s.c;
                    for (int64_t kx = 0; kx < s.kw; ++kx) {
                        const int64_t offset = kx * s.dilation - s.pads.left;
                        row.taps[kx].source = x + ((n * s.h + i) * s.w + offset) * s.c;
                        row.taps[kx].weight = nullptr;
                        valid_range(offset, s.stride, s.w, width, row.taps[kx].first, row.taps[kx].last);
                    }
                    kernel(row, dy + r * width * s.c, sums + ky * s.kw * s.c);
                }
            }
        }
    });
    for (int64_t c = 0; c < s.c; ++c)
        for (int64_t t = 0; t < taps; ++t) {
            float sum = 0;
            for (int64_t part = 0; part < parts; ++part) sum += scratch[(part * taps + t) * s.c + c];
            dweight[c * taps + t] = sum;
        }
}

}  // namespace purnet::conv2d::depthwise
