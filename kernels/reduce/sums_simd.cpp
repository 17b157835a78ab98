#include "kernels/reduce/sums_simd.h"

namespace purnet::reduce::PURNET_ISA_NAME {
namespace {

// R rows at once: the accumulators in the first cache are touched once for R rows.
template <bool has_b, int R>
inline __attribute__((always_inline)) void add_rows(const float* a, const float* b, int64_t channels, double* __restrict sum) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
        double s = 0;
        for (int j = 0; j < R; ++j) {
            const double v = static_cast<double>(a[j * channels + c]);
            s += has_b ? v * static_cast<double>(b[j * channels + c]) : v;
        }
        sum[c] += s;
    }
}

template <bool has_b>
void channel_sums_of(const float* a, const float* b, int64_t rows, int64_t channels, double* sum) {
    for (int64_t c = 0; c < channels; ++c) sum[c] = 0;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) add_rows<has_b, 4>(a + r * channels, has_b ? b + r * channels : nullptr, channels, sum);
    for (; r < rows; ++r) add_rows<has_b, 1>(a + r * channels, has_b ? b + r * channels : nullptr, channels, sum);
}

}  // namespace

void channel_sums(const float* a, const float* b, int64_t rows, int64_t channels, double* sum) {
    return b ? channel_sums_of<true>(a, b, rows, channels, sum) : channel_sums_of<false>(a, b, rows, channels, sum);
}

double total(const float* a, const float* b, int64_t count) {
    double sum = 0;
    if (b) {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    } else {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]);
    }
    return sum;
}

bool all_finite(const float* x, int64_t count) {
    unsigned bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < count; ++i) bad |= (__builtin_bit_cast(unsigned, x[i]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
    return bad == 0;
}

}  // namespace purnet::reduce::PURNET_ISA_NAME
