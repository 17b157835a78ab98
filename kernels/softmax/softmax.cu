#include "kernels/softmax/softmax.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/column_softmax.h"
#include "kernels/tile/ptx.h"

namespace purnet::softmax {
namespace {

using tile::Pack;

// ---- Over space (inner > 1): columns of length rows, one group an outer index ----

// M and 1 / Z of each column, for the pass that writes (kernels/tile/column_softmax.h).
struct KeepStatistics {
    static constexpr bool has_finish_group = false;
    float* most;
    float* share;
    int64_t columns;
    __device__ void finish(int64_t group, int64_t column, float m, double z, double) const {
        most[group * columns + column] = m;
        share[group * columns + column] = static_cast<float>(1.0 / z);
    }
};

// D_c = sum over rows of dy y. Bytes 2 count sizeof(T).
struct Dot {
    static constexpr bool has_finish_group = false;
    float* dot;
    int64_t columns;

    template <int V>
    struct State {
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[2], Pack<V> (&sum)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) sum[0][i] += in[0][i] * in[1][i];
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t) const {
        return {};
    }
    __device__ void finish(int64_t group, int64_t column, const double (&total)[1]) const {
        dot[group * columns + column] = static_cast<float>(total[0]);
    }
};

// dx = y (dy - D). Bytes 3 count sizeof(T); dx may be dy.
struct Gradient {
    const float* dot;
    int64_t columns;

    template <int V>
    struct State {
        Pack<V> d;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[2], Pack<V> (&out)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) out[0][i] = in[0][i] * (in[1][i] - d[i]);
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t group, int64_t column) const {
        return {tile::constants<V>(dot, group * columns + column)};
    }
};

// ---- Over channels (inner = 1): one warp a row ----

// y[r,:] = softmax of x[r,:]. A warp owns a row, lanes along it; two passes over the row, the second from the first-level cache.
// Bytes 2 count sizeof(T). y may be x: a lane overwrites only what it alone reads.
template <class T>
__global__ void __launch_bounds__(256) rows_forward_kernel(const T* x, T* y, int64_t rows, int64_t length) {
    ptx::wait_for_launches();
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32; row < rows; row += static_cast<int64_t>(gridDim.x) * 8) {
        const T* from = x + row * length;
        float m = -INFINITY, z = 0;
        for (int64_t i = lane; i < length; i += 32) {
            const float v = cuda::to_float(from[i]), e = expf(-fabsf(v - m));
            z = v > m ? z * e + 1.0f : z + e;
            m = v > m ? v : m;
        }
        const float most = tile::warp_reduce<tile::Max>(m);
        const float share = 1.0f / tile::warp_reduce<tile::Sum>(z * expf(m - most));
        for (int64_t i = lane; i < length; i += 32) y[row * length + i] = cuda::from_float<T>(expf(cuda::to_float(from[i]) - most) * share);
    }
}

// dx[r,:] = y (dy - sum of dy y). A warp owns a row. Bytes 3 count sizeof(T); dx may be dy.
template <class T>
__global__ void __launch_bounds__(256) rows_backward_kernel(const T* y, const T* dy, T* dx, int64_t rows, int64_t length) {
    ptx::wait_for_launches();
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32; row < rows; row += static_cast<int64_t>(gridDim.x) * 8) {
        double dot = 0;
        for (int64_t i = row * length + lane; i < (row + 1) * length; i += 32)
            dot += static_cast<double>(cuda::to_float(y[i])) * static_cast<double>(cuda::to_float(dy[i]));
        const float d = static_cast<float>(tile::warp_reduce<tile::Sum>(dot));
        for (int64_t i = row * length + lane; i < (row + 1) * length; i += 32)
            dx[i] = cuda::from_float<T>(cuda::to_float(y[i]) * (cuda::to_float(dy[i]) - d));
    }
}

std::string describe(const Problem& p) { return concat(p.outer, " x ", p.length, " x ", p.inner); }

template <class T>
void forward(const Problem& p, const T* x, T* y, void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("softmax forward", text);
    const cudaStream_t stream = cuda::stream_of(context);
    if (p.inner == 1) {
        cuda::launch_early(rows_forward_kernel<T>, cuda::blocks_for(p.outer, 8, 16896), 256, 0, stream, x, y, p.outer, p.length);
        return;
    }
    const int64_t columns = p.outer * p.inner;
    auto* most = static_cast<float*>(workspace);
    auto* partial = reinterpret_cast<double*>(most + 2 * columns);
    tile::column_softmax(KeepStatistics{most, most + columns, p.inner}, x, p.outer, p.length, p.inner, partial, stream);
    // y = e^(x - M) / Z. Bytes 2 count sizeof(T); y may be x.
    tile::column_map<1, 1, T>(tile::ScaledExponential{most, most + columns, p.inner}, {{x}, {y}}, p.outer, p.length, p.inner, stream);
}

template <class T>
void backward(const Problem& p, const T* y, const T* dy, T* dx, void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("softmax backward", text);
    const cudaStream_t stream = cuda::stream_of(context);
    if (p.inner == 1) {
        cuda::launch_early(rows_backward_kernel<T>, cuda::blocks_for(p.outer, 8, 16896), 256, 0, stream, y, dy, dx, p.outer, p.length);
        return;
    }
    auto* dot = static_cast<float*>(workspace);
    auto* partial = reinterpret_cast<double*>(dot + 2 * p.outer * p.inner);
    tile::column_sums<2, 1, T>(Dot{dot, p.inner}, {{y, dy}, {nullptr}}, p.outer, p.length, p.inner, partial, stream);
    tile::column_map<2, 1, T>(Gradient{dot, p.inner}, {{y, dy}, {dx}}, p.outer, p.length, p.inner, stream);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .backward = erase<backward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .backward = erase<backward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::softmax
