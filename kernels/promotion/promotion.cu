#include "kernels/promotion/promotion.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/column_softmax.h"

namespace purnet::promotion {
namespace {

using tile::Pack;

// statistics[n,0,c] = M, statistics[n,1,c] = u = g k / Z, in one pass over f: maxima, sums of exponentials and sums by column
// (kernels/tile/column_softmax.h); the block that finishes an image takes the softmax k of its means over the channels.
// Bytes: count sizeof(T) read.
struct Statistics {
    static constexpr bool has_finish_group = true;
    float* statistics;
    double* z;     // images x channels
    double* mean;  // likewise
    int64_t channels;
    double rows, gain;

    __device__ void finish(int64_t image, int64_t c, float m, double sum_of_e, double sum) const {
        statistics[image * 2 * channels + c] = m;
        z[image * channels + c] = sum_of_e;
        mean[image * channels + c] = sum / rows;
    }
    __device__ void finish_group(int64_t image) const {
        const double* m = mean + image * channels;
        double most = -INFINITY, sum = 0;
        for (int64_t c = threadIdx.x; c < channels; c += blockDim.x) most = m[c] > most ? m[c] : most;
        most = tile::block_reduce<tile::Max>(most, static_cast<double>(-INFINITY));
        for (int64_t c = threadIdx.x; c < channels; c += blockDim.x) sum += exp(m[c] - most);
        sum = tile::block_reduce<tile::Sum>(sum, 0.0);
        for (int64_t c = threadIdx.x; c < channels; c += blockDim.x)
            statistics[(image * 2 + 1) * channels + c] = static_cast<float>(gain * exp(m[c] - most) / sum / z[image * channels + c]);
    }
};

// y = target A + target. Bytes 3 count sizeof(T). y may be target or f.
struct Promote {
    const float* statistics;
    int64_t channels;

    template <int V>
    struct State {
        Pack<V> m, u;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[2], Pack<V> (&out)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) out[0][i] = fmaf(in[0][i], expf(in[1][i] - m[i]) * u[i], in[0][i]);
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t image, int64_t c) const {
        return {tile::constants<V>(statistics, image * 2 * channels + c), tile::constants<V>(statistics, (image * 2 + 1) * channels + c)};
    }
};

// Z_c = sum over p of e^(f - M) and E_c = sum over p of a e^(f - M), a = dy target, so that D_c = u E_c and k_c = u Z_c / g. The block
// that finishes an image writes, per channel, D / Z and (D - k sum over c' of D) / rows. Bytes 3 count sizeof(T) read.
struct GradientSums {
    static constexpr bool has_finish_group = true;
    const float* statistics;
    double* sums;   // images x 2 x channels: D, k
    float* ratio;   // images x channels: D / Z
    float* spread;  // images x channels: (D - k sum D) / rows
    int64_t channels;
    double rows, gain;

    template <int V>
    struct State {
        Pack<V> m;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[3], Pack<V> (&sum)[2]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float e = expf(in[2][i] - m[i]);
                sum[0][i] += e;
                sum[1][i] += in[0][i] * in[1][i] * e;
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t image, int64_t c) const {
        return {tile::constants<V>(statistics, image * 2 * channels + c)};
    }
    __device__ void finish(int64_t image, int64_t c, const double (&total)[2]) const {
        const double u = static_cast<double>(statistics[(image * 2 + 1) * channels + c]), d = u * total[1];
        sums[image * 2 * channels + c] = d;
        sums[(image * 2 + 1) * channels + c] = u * total[0] / gain;
        ratio[image * channels + c] = static_cast<float>(d / total[0]);
    }
    __device__ void finish_group(int64_t image) const {
        const double *d = sums + image * 2 * channels, *k = d + channels;
        double all = 0;
        for (int64_t c = threadIdx.x; c < channels; c += blockDim.x) all += d[c];
        all = tile::block_reduce<tile::Sum>(all, 0.0);
        for (int64_t c = threadIdx.x; c < channels; c += blockDim.x)
            spread[image * channels + c] = static_cast<float>((d[c] - k[c] * all) / rows);
    }
};

// dtarget = dy (1 + A), df = e^(f - M) (u a - D / Z) + (D - k sum D) / rows. Bytes 5 count sizeof(T). dtarget may be dy where df is null:
// each element of dy is read by the thread that writes in its place.
struct GradientMap {
    const float* statistics;
    const float* ratio;
    const float* spread;
    int64_t channels;

    template <int V>
    struct State {
        Pack<V> m, u, r, s;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[3], Pack<V> (&out)[2]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                const float e = expf(in[2][i] - m[i]);
                out[0][i] = fmaf(in[0][i], e * u[i], in[0][i]);
                out[1][i] = fmaf(e, u[i] * in[0][i] * in[1][i] - r[i], s[i]);
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t image, int64_t c) const {
        State<V> state{tile::constants<V>(statistics, image * 2 * channels + c),
                       tile::constants<V>(statistics, (image * 2 + 1) * channels + c),
                       {},
                       {}};
        if (ratio) {
            state.r = tile::constants<V>(ratio, image * channels + c);
            state.s = tile::constants<V>(spread, image * channels + c);
        } else {
            state.r = state.s = tile::zeros<V>();
        }
        return state;
    }
};

std::string describe(const Problem& p) { return concat(p.images, " images of ", p.rows, " pixels of ", p.channels, " channels"); }

template <class T>
void statistics(const Problem& p, const T* f, float* statistics, void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("promotion statistics", text);
    auto* z = static_cast<double*>(workspace);
    double* mean = z + p.images * p.channels;
    const Statistics finish{statistics, z, mean, p.channels, static_cast<double>(p.rows), p.gain};
    tile::column_softmax(finish, f, p.images, p.rows, p.channels, mean + p.images * p.channels, cuda::stream_of(context));
}

template <class T>
void attention(const Problem& p, const T* f, const float* statistics, T* attention, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("promotion attention", text);
    // A = e^(f - M) u. Bytes 2 count sizeof(T).
    tile::column_map<1, 1, T>(tile::ScaledExponential{statistics, statistics + p.channels, 2 * p.channels}, {{f}, {attention}}, p.images,
                              p.rows, p.channels, cuda::stream_of(context));
}

template <class T>
void promote(const Problem& p, const T* target, const T* f, const float* statistics, T* y, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("promotion forward", text);
    tile::column_map<2, 1, T>(Promote{statistics, p.channels}, {{target, f}, {y}}, p.images, p.rows, p.channels, cuda::stream_of(context));
}

template <class T>
void backward(const Problem& p, const T* target, const T* f, const float* statistics, const T* dy, T* dtarget, T* df, void* workspace,
              const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("promotion backward", text);
    const cudaStream_t stream = cuda::stream_of(context);
    const int64_t columns = p.images * p.channels;
    auto* sums = static_cast<double*>(workspace);
    auto* ratio = reinterpret_cast<float*>(sums + 2 * columns);
    float* spread = ratio + columns;
    if (df) {
        const GradientSums gradient{statistics, sums, ratio, spread, p.channels, static_cast<double>(p.rows), p.gain};
        tile::column_sums<3, 2, T>(gradient, {{dy, target, f}, {nullptr}}, p.images, p.rows, p.channels,
                                   reinterpret_cast<double*>(spread + columns), stream);
    }
    const GradientMap map{statistics, df ? ratio : nullptr, spread, p.channels};
    tile::column_map<3, 2, T>(map, {{dy, target, f}, {dtarget, df}}, p.images, p.rows, p.channels, stream);
}

template <class T>
constexpr Kernels kernels_of() {
    return {
        .statistics = erase<statistics<T>>, .attention = erase<attention<T>>, .promote = erase<promote<T>>, .backward = erase<backward<T>>};
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, kernels_of<float>());
    table().add({DeviceType::cuda, DType::bf16}, kernels_of<bf16>());
    return true;
}();

}  // namespace
}  // namespace purnet::promotion
