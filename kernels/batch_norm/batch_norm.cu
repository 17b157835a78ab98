#include "kernels/batch_norm/batch_norm.h"

#include "kernels/batch_norm/activation_slope.h"
#include "kernels/batch_norm/moments.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/columns.h"

namespace purnet::batch_norm {
namespace {

using tile::Pack;

__device__ __forceinline__ float apply_activation(Activation a, float u, float slope) {
    switch (a) {
        case Activation::relu: return u < 0.0f ? 0.0f : u;
        case Activation::relu6: return u < 0.0f ? 0.0f : u > 6.0f ? 6.0f : u;
        case Activation::prelu: return u > 0.0f ? u : slope * u;
        default: return u;
    }
}

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

// y = act(gamma (x - mean) s + shift + before) + after, one pass. Batch statistics: Statistics made mean, s and shift (`written`), as it
// did where y is computed again. Fixed ones: mean and s come from the running ones, shift is beta, and the first row block of each tile
// writes them down. y may be x, before or after. Bytes: 2 to 4 rows x C elements.
template <bool Before, bool After>
struct Map {
    Activation activation;
    bool written;
    double eps;
    const float* gamma;
    const float* beta;
    const float* running_mean;
    const float* running_var;
    const float* slope;
    float* mean;
    float* inverse;
    float* shift;

    template <int V>
    struct State {
        Activation activation;
        float slope;
        Pack<V> m, s, g, b;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1 + Before + After], Pack<V> (&out)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                float u = fmaf(g[i], (in[0][i] - m[i]) * s[i], b[i]);
                if constexpr (Before) u += in[1][i];
                u = apply_activation(activation, u, slope);
                if constexpr (After) u += in[1 + Before][i];
                out[0][i] = u;
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t column) const {
        State<V> state{activation, slope ? *slope : 0.0f, {}, {}, tile::constants<V>(gamma, column), {}};
        if (written) {
            state.m = tile::constants<V>(mean, column);
            state.s = tile::constants<V>(inverse, column);
            state.b = tile::constants<V>(shift, column);
        } else {
            state.b = tile::constants<V>(beta, column);
#pragma unroll
            for (int i = 0; i < V; ++i) {
                state.m[i] = running_mean[column + i];
                state.s[i] = static_cast<float>(1.0 / sqrt(static_cast<double>(running_var[column + i]) + eps));
                if (blockIdx.y == 0 && threadIdx.x < static_cast<unsigned>(tile::ColumnLanes<V>::lanes)) {
                    mean[column + i] = state.m[i];
                    inverse[column + i] = state.s[i];
                    shift[column + i] = state.b[i];
                }
            }
        }
        return state;
    }
};

// Sums of the backward: dbeta_c = sum_r g, dgamma_c = sum_r g h, and for prelu sum_r dy min(u, 0), with u computed anew. `totals` keeps
// them for the pass over dx: {3, C}. Bytes: 2 or 3 rows x C elements read; 16 FLOP each.
template <bool Before>
struct GradientSums {
    static constexpr bool has_finish_group = true;
    Activation activation;
    int64_t columns;
    const float* gamma;
    const float* beta;
    const float* mean;
    const float* inverse;
    const float* slope;
    float* dgamma;
    float* dbeta;
    float* dslope;
    double* totals;

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

// dx = gamma s (g - dbeta / n - h dgamma / n), without the means for fixed statistics, and dbefore = g. dx may be dy. Bytes: 3 to 5
// rows x C elements.
template <bool Before>
struct GradientMap {
    Activation activation;
    int64_t columns;
    double share;  // 1 / rows, 0 for fixed statistics
    const float* gamma;
    const float* beta;
    const float* mean;
    const float* inverse;
    const float* slope;
    const double* totals;

    template <int V>
    struct State {
        Activation activation;
        float slope;
        Pack<V> m, s, g, b, mean_g, mean_gh;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[2 + Before], Pack<V> (&out)[2]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float h = (in[0][i] - m[i]) * s[i];
                float u = fmaf(g[i], h, b[i]);
                if constexpr (Before) u += in[2][i];
                const float d = in[1][i] * activation_slope(activation, u, slope);
                out[1][i] = d;
                out[0][i] = g[i] * s[i] * ((d - mean_g[i]) - h * mean_gh[i]);
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t column) const {
        State<V> state{activation,
                       slope ? *slope : 0.0f,
                       tile::constants<V>(mean, column),
                       tile::constants<V>(inverse, column),
                       tile::constants<V>(gamma, column),
                       tile::constants<V>(beta, column),
                       {},
                       {}};
#pragma unroll
        for (int i = 0; i < V; ++i) {
            state.mean_g[i] = share == 0 ? 0.0f : static_cast<float>(totals[column + i] * share);
            state.mean_gh[i] = share == 0 ? 0.0f : static_cast<float>(totals[columns + column + i] * share);
        }
        return state;
    }
};

const float* floats(const void* p) { return static_cast<const float*>(p); }
float* floats(void* p) { return static_cast<float*>(p); }

std::string describe(const Problem& p) {
    return concat(p.rows, " rows of ", p.channels, " channels, ", p.training ? "batch" : "fixed", " statistics, ", name_of(p.activation));
}

template <class T, bool Before, bool After>
void run_map(const Problem& p, bool written, const Forward& f, cudaStream_t stream) {
    const Map<Before, After> map{
        p.activation,          written,         p.eps,          floats(f.gamma),   floats(f.beta), floats(f.running_mean),
        floats(f.running_var), floats(f.slope), floats(f.mean), floats(f.inverse), floats(f.shift)};
    tile::ColumnOperands<T, 1 + Before + After, 1> operands{{static_cast<const T*>(f.x)}, {static_cast<T*>(f.y)}};
    if constexpr (Before) operands.in[1] = static_cast<const T*>(f.before);
    if constexpr (After) operands.in[1 + Before] = static_cast<const T*>(f.after);
    tile::column_map(map, operands, 1, p.rows, p.channels, stream);
}

template <class T>
void map_rows(const Problem& p, bool written, const Forward& f, cudaStream_t stream) {
    if (f.before)
        f.after ? run_map<T, true, true>(p, written, f, stream) : run_map<T, true, false>(p, written, f, stream);
    else
        f.after ? run_map<T, false, true>(p, written, f, stream) : run_map<T, false, false>(p, written, f, stream);
}

template <class T>
void forward(const Problem& p, const Forward& f, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("batch_norm forward", text);
    check(p, f.slope, f.before);
    const cudaStream_t stream = cuda::stream_of(context);
    const T* x = static_cast<const T*>(f.x);
    const StatisticsEnd end{floats(f.gamma), floats(f.beta),    floats(f.running_mean), floats(f.running_var),
                            floats(f.mean),  floats(f.inverse), floats(f.shift),        static_cast<double>(p.rows),
                            p.eps,           p.momentum};
    auto* const partial = static_cast<double*>(f.workspace);
    if (p.training && f.moments) {
        const float* moments = floats(f.moments);
        const int64_t plane = moment_parts(p.rows) * p.channels;
        tile::column_sums<3, 2, float>(PartStatistics{moments, p.channels, p.rows, end},
                                       {{moments, moments + plane, moments + 2 * plane}, {nullptr}}, 1, p.rows / moment_rows, p.channels,
                                       partial, stream);
    } else if (p.training) {
        tile::column_sums<1, 2, T>(Statistics<T>{x, end}, {{x}, {nullptr}}, 1, p.rows, p.channels, partial, stream);
    }
    map_rows<T>(p, p.training, f, stream);
}

// What the forward wrote down is read: casts away what Map writes only where it was not.
template <class T>
void apply(const Problem& p, const Apply& a, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("batch_norm apply", text);
    const auto written = [](const void* values) { return const_cast<void*>(values); };
    map_rows<T>(p, true,
                {.x = a.x,
                 .gamma = a.gamma,
                 .beta = nullptr,
                 .running_mean = nullptr,
                 .running_var = nullptr,
                 .slope = a.slope,
                 .before = a.before,
                 .after = a.after,
                 .y = a.y,
                 .mean = written(a.mean),
                 .inverse = written(a.inverse),
                 .shift = written(a.shift),
                 .workspace = nullptr},
                cuda::stream_of(context));
}

template <class T, bool Before>
void run_backward(const Problem& p, const Backward& b, cudaStream_t stream) {
    auto* totals = static_cast<double*>(b.workspace);
    double* partial = totals + 3 * p.channels;
    const T *x = static_cast<const T*>(b.x), *dy = static_cast<const T*>(b.dy);
    tile::ColumnOperands<T, 2 + Before, 0> read{{x, dy}, {nullptr}};
    tile::ColumnOperands<T, 2 + Before, 2> write{{x, dy}, {static_cast<T*>(b.dx), static_cast<T*>(b.dbefore)}};
    if constexpr (Before) read.in[2] = write.in[2] = static_cast<const T*>(b.before);
    if (b.dgamma || b.dbeta || b.dslope || (p.training && b.dx)) {
        const GradientSums<Before> sums{p.activation,    p.channels,        floats(b.gamma), floats(b.beta),
                                        floats(b.mean),  floats(b.inverse), floats(b.slope), floats(b.dgamma),
                                        floats(b.dbeta), floats(b.dslope),  totals};
        tile::column_sums<2 + Before, 3, T>(sums, read, 1, p.rows, p.channels, partial, stream);
    }
    if (b.dx || b.dbefore) {
        const GradientMap<Before> map{p.activation,      p.channels,      p.training && b.dx ? 1.0 / static_cast<double>(p.rows) : 0.0,
                                      floats(b.gamma),   floats(b.beta),  floats(b.mean),
                                      floats(b.inverse), floats(b.slope), totals};
        tile::column_map(map, write, 1, p.rows, p.channels, stream);
    }
}

template <class T>
void backward(const Problem& p, const Backward& b, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("batch_norm backward", text);
    if (b.before)
        run_backward<T, true>(p, b, cuda::stream_of(context));
    else
        run_backward<T, false>(p, b, cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = forward<float>, .apply = apply<float>, .backward = backward<float>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = forward<bf16>, .apply = apply<bf16>, .backward = backward<bf16>});
    return true;
}();

}  // namespace
}  // namespace purnet::batch_norm
