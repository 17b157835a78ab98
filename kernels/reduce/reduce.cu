#include "kernels/reduce/reduce.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/map_sum.h"
#include "kernels/tile/ptx.h"

namespace purnet::reduce {
namespace {

// y = scale sum_i x[i]. Vectors of 16 bytes a thread, partial sums by block in float64, the last block finishes
// (kernels/tile/map_sum.h). Bytes count sizeof(T).
struct SumElements {
    float* y;
    double scale;
    __device__ SumElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1], float (&)[1], float (&sum)[1]) const { sum[0] += in[0]; }
    __device__ void finish(const double (&total)[1]) const { *y = static_cast<float>(scale * total[0]); }
};

// y = sum_i x[i]^2, likewise.
struct SquareElements {
    float* y;
    __device__ SquareElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1], float (&)[1], float (&sum)[1]) const { sum[0] += in[0] * in[0]; }
    __device__ void finish(const double (&total)[1]) const { *y = static_cast<float>(total[0]); }
};

// flag = 1 where no x[i] is an infinity or NaN: counts those that are.
struct FiniteElements {
    int32_t* flag;
    __device__ FiniteElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1], float (&)[1], float (&sum)[1]) const {
        sum[0] += (__float_as_uint(in[0]) & 0x7f800000u) == 0x7f800000u ? 1.0f : 0.0f;
    }
    __device__ void finish(const double (&total)[1]) const { *flag = total[0] == 0.0 ? 1 : 0; }
};

// dx[i] = scale dy. One vector of V elements a thread. Bytes count sizeof(T).
template <int V, class T>
__global__ void __launch_bounds__(256) spread_kernel(double scale, const float* dy, T* dx, int64_t count) {
    const int64_t at = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * V;
    ptx::wait_for_launches();
    const float value = static_cast<float>(scale * static_cast<double>(*dy));
    if (at + V <= count) {
        tile::Pack<V> v;
#pragma unroll
        for (int i = 0; i < V; ++i) v[i] = value;
        tile::store(dx + at, v);
    } else {
        for (int64_t i = at; i < count; ++i) dx[i] = cuda::from_float<T>(value);
    }
}

constexpr int most_scalars = 128;
struct Scalars {
    const float* at[most_scalars];
};

// y = (first ? 0 : y) + sum_k values[k] in order, in float64. One thread: the count is the number of losses of a network.
__global__ void add_scalars_kernel(Scalars values, int count, bool first, float* y) {
    ptx::wait_for_launches();
    double sum = first ? 0.0 : static_cast<double>(*y);
    for (int k = 0; k < count; ++k) sum += static_cast<double>(*values.at[k]);
    *y = static_cast<float>(sum);
}

template <class T>
void sum(int64_t count, double scale, const T* x, float* y, void* workspace, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("sum", text);
    tile::map_sum<T, 1, 0, 1>(SumElements{y, scale}, {{x}, {nullptr}}, count, workspace, cuda::stream_of(context));
}

template <class T>
void squared_norm(int64_t count, const T* x, float* y, void* workspace, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("squared norm", text);
    tile::map_sum<T, 1, 0, 1>(SquareElements{y}, {{x}, {nullptr}}, count, workspace, cuda::stream_of(context));
}

template <class T>
void all_finite(int64_t count, const void* x, int32_t* flag, void* workspace, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("finite check", text);
    tile::map_sum<T, 1, 0, 1>(FiniteElements{flag}, {{static_cast<const T*>(x)}, {nullptr}}, count, workspace, cuda::stream_of(context));
}

template <class T>
void spread(int64_t count, double scale, const float* dy, T* dx, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("sum backward", text);
    if (count == 0) return;
    constexpr int V = tile::vector_of<T>;
    if (tile::aligned_16(dx))
        cuda::launch_early(spread_kernel<V, T>, cuda::blocks_for(count, 256 * V), 256, 0, cuda::stream_of(context), scale, dy, dx, count);
    else
        cuda::launch_early(spread_kernel<1, T>, cuda::blocks_for(count, 256), 256, 0, cuda::stream_of(context), scale, dy, dx, count);
}

void add_scalars(int64_t count, const void* const* values, void* y, const Context& context) {
    const auto text = [&] { return concat(count, " scalars"); };
    const OpScope op("sum of scalars", text);
    int64_t done = 0;
    do {
        Scalars some{};
        const int now = static_cast<int>(count - done < most_scalars ? count - done : most_scalars);
        for (int k = 0; k < now; ++k) some.at[k] = static_cast<const float*>(values[done + k]);
        cuda::launch_early(add_scalars_kernel, 1, 1, 0, cuda::stream_of(context), some, now, done == 0, static_cast<float*>(y));
        done += now;
    } while (done < count);
}

template <class T>
constexpr Kernels kernels_of() {
    return {.sum = erase<sum<T>>,
            .spread = erase<spread<T>>,
            .squared_norm = erase<squared_norm<T>>,
            .all_finite = all_finite<T>,
            .add_scalars = add_scalars};
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, kernels_of<float>());
    table().add({DeviceType::cuda, DType::bf16}, kernels_of<bf16>());
    return true;
}();

}  // namespace
}  // namespace purnet::reduce
