#include "kernels/resize/resize_simd.h"

namespace purnet::resize::PURNET_ISA_NAME {
namespace {

// How much of input `at` an output takes.
inline __attribute__((always_inline)) float share(const Reading& r, int32_t at) {
    return (r.first == at ? 1.0f - r.weight : 0.0f) + (r.second == at ? r.weight : 0.0f);
}

}  // namespace

void forward_row(const float* top, const float* bottom, float weight, const Reading* columns, int64_t out_w, int64_t channels, float* y) {
    const float rest = 1.0f - weight;
    for (int64_t q = 0; q < out_w; ++q, y += channels) {
        const Reading r = columns[q];
        const float right = r.weight, left = 1.0f - r.weight;
        const float* a = top + r.first * channels;
        const float* b = top + r.second * channels;
        const float* c = bottom + r.first * channels;
        const float* d = bottom + r.second * channels;
        if (channels == 1) {
            *y = rest * (left * *a + right * *b) + weight * (left * *c + right * *d);
            continue;
        }
#pragma omp simd
        for (int64_t i = 0; i < channels; ++i) y[i] = rest * (left * a[i] + right * b[i]) + weight * (left * c[i] + right * d[i]);
    }
}

void backward_row(const float* dy, const Reading* rows, Readers range, int32_t row, const Reading* columns, const Readers* ranges,
                  int64_t w, int64_t out_w, int64_t channels, float* dx) {
    constexpr int64_t piece = 64;
    for (int64_t x = 0; x < w; ++x, dx += channels)
        for (int64_t c0 = 0; c0 < channels; c0 += piece) {
            const int64_t n = c0 + piece < channels ? piece : channels - c0;
            float sum[piece];
            for (int64_t i = 0; i < n; ++i) sum[i] = 0.0f;
            for (int32_t p = range.begin; p < range.end; ++p) {
                const float vertical = share(rows[p], row);
                for (int32_t q = ranges[x].begin; q < ranges[x].end; ++q) {
                    const float weight = vertical * share(columns[q], static_cast<int32_t>(x));
                    const float* g = dy + (p * out_w + q) * channels + c0;
#pragma omp simd
                    for (int64_t i = 0; i < n; ++i) sum[i] += weight * g[i];
                }
            }
            for (int64_t i = 0; i < n; ++i) dx[c0 + i] = sum[i];
        }
}

}  // namespace purnet::resize::PURNET_ISA_NAME
