#include "kernels/batch_norm/batch_norm.h"

#include "kernels/batch_norm/batch_norm_sums.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/columns.h"

namespace purnet::batch_norm {
namespace {

__device__ __forceinline__ float apply_activation(Activation a, float u, float slope) {
    switch (a) {
        case Activation::relu: return u < 0.0f ? 0.0f : u;
        case Activation::relu6: return u < 0.0f ? 0.0f : u > 6.0f ? 6.0f : u;
        case Activation::prelu: return u > 0.0f ? u : slope * u;
        default: return u;
    }
}

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
        const GradientSumsEnd end{p.channels, floats(b.dgamma), floats(b.dbeta), floats(b.dslope), totals};
        if (b.sums) {
            const float* sums = floats(b.sums);
            const int64_t parts = moment_parts(p.rows), plane = parts * p.channels;
            tile::column_sums<3, 3, float>(PartGradientSums{end}, {{sums, sums + plane, sums + 2 * plane}, {nullptr}}, 1, parts, p.channels,
                                           partial, stream);
        } else {
            const GradientSums<Before> sums{
                end, p.activation, floats(b.gamma), floats(b.beta), floats(b.mean), floats(b.inverse), floats(b.slope)};
            tile::column_sums<2 + Before, 3, T>(sums, read, 1, p.rows, p.channels, partial, stream);
        }
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
    check_sums(b);
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
