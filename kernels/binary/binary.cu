#include "kernels/binary/binary.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/columns.h"
#include "kernels/tile/map_sum.h"
#include "kernels/tile/pointwise.h"

namespace purnet::binary {
namespace {

using tile::Pack;

template <Operation O>
__device__ __forceinline__ float combine(float a, float b) {
    if constexpr (O == Operation::add) return a + b;
    if constexpr (O == Operation::sub) return a - b;
    return a * b;
}

// y[i] = a[i] op b[i]. Bytes 3 count sizeof(T). y may be a or b.
template <Operation O>
struct Same {
    __device__ Same prepare() const { return *this; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = combine<O>(in[0], in[1]); }
};

// y[i] = a[i] op b[0], both activations or both parameters. Bytes: a and y.
template <Operation O, class B>
struct WithScalar {
    const B* b;
    float value;
    __device__ WithScalar prepare() const { return {b, cuda::to_float(*b)}; }
    __device__ void operator()(const float (&in)[1], float (&out)[1]) const { out[0] = combine<O>(in[0], value); }
};

// y[g,r,c] = a[g,r,c] op b[g,c]; one group for `channel`, one an image for `image_channel` (kernels/tile/columns.h). Bytes 2 count
// sizeof(T).
template <Operation O, class T>
struct WithChannels {
    const T* b;
    int64_t columns;

    template <int V>
    struct State {
        Pack<V> b;
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1], Pack<V> (&out)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) out[0][i] = combine<O>(in[0][i], b[i]);
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t group, int64_t column) const {
        State<V> state;
#pragma unroll
        for (int i = 0; i < V; ++i) state.b[i] = cuda::to_float(b[group * columns + column + i]);
        return state;
    }
};

// db[i] = -dy[i]. Bytes 2 count sizeof(T).
struct Negate {
    __device__ Negate prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1], float (&out)[1]) const { out[0] = -in[0]; }
};

// db = sign sum_i dy[i] (a[i] where Product): the gradient of a scalar (kernels/tile/map_sum.h). Bytes 1 or 2 count sizeof(T).
template <bool Product, class T>
struct ScalarGradient {
    T* db;
    double sign;
    __device__ ScalarGradient prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1 + Product], float (&)[1], float (&sum)[1]) const {
        if constexpr (Product)
            sum[0] += in[0] * in[1];
        else
            sum[0] += in[0];
    }
    __device__ void finish(const double (&total)[1]) const { *db = cuda::from_float<T>(static_cast<float>(sign * total[0])); }
};

// db[g,c] = sign sum_r dy[g,r,c] (a[g,r,c] where Product). Grid and order of sums: kernels/tile/columns.h. Bytes 1 or 2 count sizeof(T).
template <bool Product, class T>
struct ChannelGradient {
    static constexpr bool has_finish_group = false;
    T* db;
    int64_t columns;
    double sign;

    template <int V>
    struct State {
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1 + Product], Pack<V> (&sum)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) {
                if constexpr (Product)
                    sum[0][i] += in[0][i] * in[1][i];
                else
                    sum[0][i] += in[0][i];
            }
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t) const {
        return {};
    }
    __device__ void finish(int64_t group, int64_t column, const double (&total)[1]) const {
        db[group * columns + column] = cuda::from_float<T>(static_cast<float>(sign * total[0]));
    }
};

template <class Body>
void dispatch(Operation operation, Body&& body) {
    switch (operation) {
        case Operation::add: return body.template operator()<Operation::add>();
        case Operation::sub: return body.template operator()<Operation::sub>();
        case Operation::mul: return body.template operator()<Operation::mul>();
    }
}

template <class T>
void apply(const Problem& p, const T* a, const T* b, T* y, cudaStream_t stream) {
    dispatch(p.operation, [&]<Operation O>() {
        const bool by_image = p.broadcast == Broadcast::image_channel;
        switch (p.broadcast) {
            case Broadcast::same: tile::pointwise<T, 2, 1>(Same<O>{}, {{a, b}, {y}}, p.count(), stream); break;
            case Broadcast::scalar:
                if (p.parameters)
                    tile::pointwise<float, 1, 1, T>(WithScalar<O, float>{reinterpret_cast<const float*>(b), 0.0f},
                                                    {{reinterpret_cast<const float*>(a)}, {y}}, p.count(), stream);
                else
                    tile::pointwise<T, 1, 1>(WithScalar<O, T>{b, 0.0f}, {{a}, {y}}, p.count(), stream);
                break;
            case Broadcast::channel:
            case Broadcast::image_channel:
                tile::column_map<1, 1, T>(WithChannels<O, T>{b, p.channels}, {{a}, {y}}, by_image ? p.images : 1,
                                          by_image ? p.rows : p.images * p.rows, p.channels, stream);
                break;
        }
    });
}

template <bool Product, class T>
void sum_db(const Problem& p, const T* a, const T* dy, T* db, void* workspace, cudaStream_t stream) {
    const double sign = p.operation == Operation::sub ? -1 : 1;
    if (p.broadcast == Broadcast::scalar) {
        tile::MapOperands<T, 1 + Product, 0> operands{{dy}, {nullptr}};
        if constexpr (Product) operands.in[1] = a;
        tile::map_sum<T, 1 + Product, 0, 1>(ScalarGradient<Product, T>{db, sign}, operands, p.count(), workspace, stream);
        return;
    }
    const bool by_image = p.broadcast == Broadcast::image_channel;
    tile::ColumnOperands<T, 1 + Product, 0> operands{{dy}, {nullptr}};
    if constexpr (Product) operands.in[1] = a;
    tile::column_sums<1 + Product, 1, T>(ChannelGradient<Product, T>{db, p.channels, sign}, operands, by_image ? p.images : 1,
                                         by_image ? p.rows : p.images * p.rows, p.channels, static_cast<double*>(workspace), stream);
}

std::string describe(const Problem& p) {
    return concat(name_of(p.operation), ", ", p.images, " images of ", p.rows, " rows of ", p.channels, " channels");
}

template <class T>
void forward(const Problem& p, const T* a, const T* b, T* y, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("binary forward", text);
    apply(p, a, b, y, cuda::stream_of(context));
}

template <class T>
void copy(const T* from, T* to, int64_t count, cudaStream_t stream) {
    if (from == to || count == 0) return;
    cuda::interrupt_launches(stream);
    cuda::check(cudaMemcpyAsync(to, from, static_cast<size_t>(count) * sizeof(T), cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
}

template <class T>
void backward(const Problem& p, const T* a, const T* b, const T* dy, T* da, T* db, void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("binary backward", text);
    const cudaStream_t stream = cuda::stream_of(context);
    const bool product = p.operation == Operation::mul;
    if (db && p.broadcast != Broadcast::same) {
        product ? sum_db<true>(p, a, dy, db, workspace, stream) : sum_db<false>(p, a, dy, db, workspace, stream);
    } else if (db) {
        if (product)
            tile::pointwise<T, 2, 1>(Same<Operation::mul>{}, {{dy, a}, {db}}, p.count(), stream);
        else if (p.operation == Operation::sub)
            tile::pointwise<T, 1, 1>(Negate{}, {{dy}, {db}}, p.count(), stream);
        else
            copy(dy, db, p.count(), stream);
    }
    if (!da) return;
    if (product)
        apply(p, dy, b, da, stream);
    else
        copy(dy, da, p.count(), stream);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .backward = erase<backward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .backward = erase<backward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::binary
