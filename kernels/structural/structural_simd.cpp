#include "kernels/structural/structural_simd.h"

#include "kernels/simd/math.h"

namespace purnet::structural::PURNET_ISA_NAME {
namespace {

constexpr int piece = 256;

struct Both {
    float p, q;  // sigmoid(z), sigmoid(-z)
};

inline __attribute__((always_inline)) Both both(float z) {
    const float e = simd::exp(-simd::absolute(z));
    const float inverse = 1.0f / (1.0f + e), small = e * inverse;
    return {z < 0.0f ? small : inverse, z < 0.0f ? inverse : small};
}

template <bool second>
void region_sums_of(const float* z, const float* g, const int32_t* labels, int64_t pixels, const Regions& r) {
    for (int64_t k = 0; k < r.count; ++k) r.p[k] = r.q[k] = r.g[k] = r.h[k] = r.pixels[k] = 0;
    for (int64_t first = 0; first < pixels; first += piece) {
        const int n = static_cast<int>(pixels - first < piece ? pixels - first : piece);
        float p[piece], q[piece];
#pragma omp simd
        for (int i = 0; i < n; ++i) {
            Both b = both(z[first + i]);
            if constexpr (second) b = both(b.p);
            p[i] = b.p;
            q[i] = b.q;
        }
        // Neighbours mostly share a region: sums stay in registers until the label changes.
        for (int i = 0; i < n;) {
            const int32_t label = labels[first + i];
            double sp = 0, sq = 0, sg = 0, sh = 0;
            int j = i;
            for (; j < n && labels[first + j] == label; ++j) {
                const double mask = static_cast<double>(g[first + j]);
                const double small = static_cast<double>(p[j] < q[j] ? p[j] : q[j]), large = 1.0 - small;  // the contract says why
                sp += p[j] < q[j] ? small : large;
                sq += p[j] < q[j] ? large : small;
                sg += mask;
                sh += 1.0 - mask;
            }
            r.p[label] += sp;
            r.q[label] += sq;
            r.g[label] += sg;
            r.h[label] += sh;
            r.pixels[label] += static_cast<double>(j - i);
            i = j;
        }
    }
}

// x ln(ratio), 0 where x is 0.
inline __attribute__((always_inline)) double times_log(double x, double ratio) { return x * simd::log(ratio < 1e-300 ? 1e-300 : ratio); }

}  // namespace

void region_sums(bool second_sigmoid, const float* z, const float* g, const int32_t* labels, int64_t pixels, const Regions& r) {
    return second_sigmoid ? region_sums_of<true>(z, g, labels, pixels, r) : region_sums_of<false>(z, g, labels, pixels, r);
}

double pairs(const Regions& r) {
    const double* __restrict P = r.p;
    const double* __restrict Q = r.q;
    const double* __restrict G = r.g;
    const double* __restrict H = r.h;
    double* __restrict gradient = r.gradient;
    const int64_t n = r.count;
    for (int64_t k = 0; k < n; ++k) gradient[k] = 0;
    double total = 0;
    for (int64_t k = 0; k < n; ++k) {
        const double pk = P[k], qk = Q[k], gk = G[k], hk = H[k];
        double sum = 0, own = 0;
#pragma omp simd reduction(+ : sum, own)
        for (int64_t s = k + 1; s < n; ++s) {
            double plus = pk + Q[s], minus = qk + P[s];
            plus = plus < 1e-30 ? 1e-30 : plus;
            minus = minus < 1e-30 ? 1e-30 : minus;
            const double a_plus = gk + H[s], a_minus = hk + G[s];
            const double up = a_plus / plus, down = a_minus / minus;
            sum += times_log(a_plus, up) + times_log(a_minus, down);
            own += down - up;
            gradient[s] -= down - up;
        }
        gradient[k] += own;
        total += sum;
    }
    return total;
}

void pixel_gradient(bool second_sigmoid, const float* z, const int32_t* labels, const double* gradient, int64_t pixels, float* dz) {
    for (int64_t i = 0; i < pixels; ++i) dz[i] = static_cast<float>(gradient[labels[i]]);
    if (second_sigmoid) {
#pragma omp simd
        for (int64_t i = 0; i < pixels; ++i) {
            const Both inner = both(z[i]);
            const Both outer = both(inner.p);
            dz[i] *= (outer.p * outer.q) * (inner.p * inner.q);
        }
    } else {
#pragma omp simd
        for (int64_t i = 0; i < pixels; ++i) {
            const Both b = both(z[i]);
            dz[i] *= b.p * b.q;
        }
    }
}

}  // namespace purnet::structural::PURNET_ISA_NAME
