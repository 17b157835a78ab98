// The sums of batch norm over the rows of each channel, as functors of kernels/tile/columns.h: statistics, and those that the backward
// begins with. Each by a pass over the map, or from the parts that another kernel has added up in passing (moments.h, gradient_sums.h).
#pragma once

#include "kernels/batch_norm/activation_slope.h"
#include "kernels/batch_norm/gradient_sums.h"
#include "kernels/batch_norm/moments.h"
#include "kernels/tile/columns.h"

namespace purnet::batch_norm {

using tile::Pack;

// The end of both ways to batch statistics: of one channel, from S1 = sum_r (x[r,c] - k) and S2 = sum_r (x[r,c] - k)^2 with a shift k,
// which keeps the digits of the variance where the mean is large: mean = k + S1 / n, variance = S2 / n - (S1 / n)^2, and the running
// statistics follow. The mean is kept in float32; what its rounding loses goes into `shift`, the beta of the pass over y: else every row of
// a channel would be off by the same amount.
struct StatisticsEnd {
    const float* gamma;
    const float* beta;
    float* running_mean;
    float* running_var;
    float* mean;
    float* inverse;
    float* shift;
    double rows, eps, momentum;

    __device__ void operator()(int64_t column, double k, double s1, double s2) const {
        const double d = s1 / rows, m = k + d;
        const double variance = fmax(s2 / rows - d * d, 0.0), unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
        const double s = 1.0 / sqrt(variance + eps);
        mean[column] = static_cast<float>(m);
        inverse[column] = static_cast<float>(s);
        const double lost = static_cast<double>(mean[column]) - m;
        shift[column] = static_cast<float>(static_cast<double>(beta[column]) + lost * s * static_cast<double>(gamma[column]));
        running_mean[column] = static_cast<float>((1 - momentum) * static_cast<double>(running_mean[column]) + momentum * m);
        running_var[column] = static_cast<float>((1 - momentum) * static_cast<double>(running_var[column]) + momentum * unbiased);
    }
};

// Statistics by a pass over x, k_c = x[0,c]. Grid and order of sums: kernels/tile/columns.h. Bytes: rows x C elements read; 4 FLOP each.
template <class T>
struct Statistics {
    static constexpr bool has_finish_group = false;
    const T* x;
    StatisticsEnd end;

    template <int V>
    struct State {
        Pack<V> shift;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1], Pack<V> (&sum)[2]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float d = in[0][i] - shift[i];
                sum[0][i] += d;
                sum[1][i] += d * d;
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t column) const {
        return {tile::load<V>(x + column)};
    }
    __device__ void finish(int64_t, int64_t column, const double (&total)[2]) const {
        end(column, static_cast<double>(cuda::to_float(x[column])), total[0], total[1]);
    }
};

// Statistics from the moments of parts of 64 rows (moments.h), k_c = moments[0,0,c]. The rows of the sum are the parts that are full, in
// three planes; a last one that is not is added at the end. Bytes: 12 for each 64 elements of x.
struct PartStatistics {
    static constexpr bool has_finish_group = false;
    const float* moments;
    int64_t columns, rows;
    StatisticsEnd end;

    template <int V>
    struct State {
        Pack<V> shift;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[3], Pack<V> (&sum)[2]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                constexpr float n = moment_rows;
                const float d = in[0][i] - shift[i];
                sum[0][i] += fmaf(n, d, in[1][i]);
                sum[1][i] += fmaf(d, fmaf(n, d, 2.0f * in[1][i]), in[2][i]);
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t column) const {
        return {tile::load<V>(moments + column)};
    }
    __device__ void finish(int64_t, int64_t column, const double (&total)[2]) const {
        const double k = static_cast<double>(moments[column]);
        double s1 = total[0], s2 = total[1];
        if (const int64_t n = rows % moment_rows; n > 0) {
            const int64_t plane = (rows / moment_rows + 1) * columns;
            const float* last = moments + rows / moment_rows * columns + column;
            const double d = static_cast<double>(last[0]) - k, difference = static_cast<double>(last[plane]);
            s1 += static_cast<double>(n) * d + difference;
            s2 += static_cast<double>(last[2 * plane]) + d * (2.0 * difference + static_cast<double>(n) * d);
        }
        end(column, k, s1, s2);
    }
};

// The end of both ways to the sums of the backward: dbeta_c = sum_r g, dgamma_c = sum_r g h, and for prelu sum_r dy min(u, 0). `totals`
// keeps them for the pass over dx: {3, C}.
struct GradientSumsEnd {
    static constexpr bool has_finish_group = true;
    int64_t columns;
    float* dgamma;
    float* dbeta;
    float* dslope;
    double* totals;

    __device__ void finish(int64_t, int64_t column, const double (&total)[3]) const {
#pragma unroll
        for (int k = 0; k < 3; ++k) totals[k * columns + column] = total[k];
        if (dbeta) dbeta[column] = static_cast<float>(total[0]);
        if (dgamma) dgamma[column] = static_cast<float>(total[1]);
    }
    __device__ void finish_group(int64_t) const {
        if (!dslope) return;
        double sum = 0;
        for (int64_t c = threadIdx.x; c < columns; c += blockDim.x) sum += totals[2 * columns + c];
        sum = tile::block_reduce<tile::Sum>(sum, 0.0);
        if (threadIdx.x == 0) *dslope = static_cast<float>(sum);
    }
};

// By a pass over x and dy, with u computed anew. Bytes: 2 or 3 rows x C elements read; 16 FLOP each.
template <bool Before>
struct GradientSums : GradientSumsEnd {
    Activation activation;
    const float* gamma;
    const float* beta;
    const float* mean;
    const float* inverse;
    const float* slope;

    template <int V>
    struct State {
        Activation activation;
        float slope;
        Pack<V> m, s, g, b;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[2 + Before], Pack<V> (&sum)[3]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float h = (in[0][i] - m[i]) * s[i];
                float u = fmaf(g[i], h, b[i]);
                if constexpr (Before) u += in[2][i];
                const float dy = in[1][i], d = dy * activation_slope(activation, u, slope);
                sum[0][i] += d;
                sum[1][i] += d * h;
                sum[2][i] += dy * fminf(u, 0.0f);
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t column) const {
        return {activation,
                slope ? *slope : 0.0f,
                tile::constants<V>(mean, column),
                tile::constants<V>(inverse, column),
                tile::constants<V>(gamma, column),
                tile::constants<V>(beta, column)};
    }
};

// From the sums of parts of 64 rows (gradient_sums.h): the rows of these sums are the parts, in three planes. Bytes: 12 for each 64
// elements of dy.
struct PartGradientSums : GradientSumsEnd {
    template <int V>
    struct State {
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[3], Pack<V> (&sum)[3]) const {
#pragma unroll
            for (int k = 0; k < 3; ++k)
#pragma unroll
                for (int i = 0; i < V; ++i) sum[k][i] += in[k][i];
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t) const {
        return {};
    }
};

}  // namespace purnet::batch_norm
