#include "kernels/activation/activation.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/map_sum.h"
#include "kernels/tile/pointwise.h"

namespace purnet::activation {
namespace {

// Comparisons are written so that NaN fails them and stays.
template <Activation A>
__device__ __forceinline__ float value(float x, float slope) {
    if constexpr (A == Activation::relu) return x < 0.0f ? 0.0f : x;
    if constexpr (A == Activation::relu6) return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
    if constexpr (A == Activation::prelu) return x > 0.0f ? x : slope * x;
    if constexpr (A == Activation::sigmoid) return 1.0f / (1.0f + expf(-x));
    if constexpr (A == Activation::tanh) return tanhf(x);
    return x;
}

// The derivative at v: the input for prelu, the output for the others.
template <Activation A>
__device__ __forceinline__ float derivative(float v, float slope) {
    if constexpr (A == Activation::relu) return v > 0.0f ? 1.0f : 0.0f;
    if constexpr (A == Activation::relu6) return v > 0.0f && v < 6.0f ? 1.0f : 0.0f;
    if constexpr (A == Activation::prelu) return v > 0.0f ? 1.0f : slope;
    if constexpr (A == Activation::sigmoid) return v * (1.0f - v);
    if constexpr (A == Activation::tanh) return 1.0f - v * v;
    return 1.0f;
}

// y[i] = act(x[i]). One thread owns 16-byte vectors (kernels/tile/pointwise.h). Bytes 2 count sizeof(T). y may be x.
template <Activation A>
struct ForwardElements {
    const float* slope_at;
    float slope;
    __device__ ForwardElements prepare() const { return {nullptr, slope_at ? *slope_at : 0.0f}; }
    __device__ void operator()(const float (&in)[1], float (&out)[1]) const { out[0] = value<A>(in[0], slope); }
};

// dx[i] = dy[i] act'(i), from the output (prelu: the input). Bytes 3 count sizeof(T). dx may be dy.
template <Activation A>
struct BackwardElements {
    const float* slope_at;
    float slope;
    __device__ BackwardElements prepare() const { return {nullptr, slope_at ? *slope_at : 0.0f}; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = in[1] * derivative<A>(in[0], slope); }
};

// The same for prelu together with dslope = sum dy min(x, 0) (kernels/tile/map_sum.h): the tensors are read once for both.
struct PreluBackward {
    const float* slope_at;
    float* dslope;
    float slope;
    __device__ PreluBackward prepare() const { return {nullptr, dslope, *slope_at}; }
    __device__ void operator()(const float (&in)[2], float (&out)[1], float (&sum)[1]) const {
        out[0] = in[1] * derivative<Activation::prelu>(in[0], slope);
        sum[0] += in[1] * (in[0] < 0.0f ? in[0] : 0.0f);
    }
    __device__ void finish(const double (&total)[1]) const { *dslope = static_cast<float>(total[0]); }
};

// Calls body with the activation as a compile-time constant.
template <class Body>
void dispatch(Activation function, Body&& body) {
    switch (function) {
        case Activation::none: return body.template operator()<Activation::none>();
        case Activation::relu: return body.template operator()<Activation::relu>();
        case Activation::relu6: return body.template operator()<Activation::relu6>();
        case Activation::prelu: return body.template operator()<Activation::prelu>();
        case Activation::sigmoid: return body.template operator()<Activation::sigmoid>();
        case Activation::tanh: return body.template operator()<Activation::tanh>();
    }
}

std::string describe(const Problem& p) { return concat(name_of(p.function), ", ", p.count, " elements"); }

template <class T>
void forward(const Problem& p, const T* x, const float* slope, T* y, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("activation forward", text);
    dispatch(p.function, [&]<Activation A>() {
        tile::pointwise<T, 1, 1>(ForwardElements<A>{slope, 0.0f}, {{x}, {y}}, p.count, cuda::stream_of(context));
    });
}

template <class T>
void backward(const Problem& p, const T* saved, const float* slope, const T* dy, T* dx, float* dslope, void* workspace,
              const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("activation backward", text);
    if (dslope) {
        tile::map_sum<T, 2, 1, 1>(PreluBackward{slope, dslope, 0.0f}, {{saved, dy}, {dx}}, p.count, workspace, cuda::stream_of(context));
        return;
    }
    if (!dx) return;
    dispatch(p.function, [&]<Activation A>() {
        tile::pointwise<T, 2, 1>(BackwardElements<A>{slope, 0.0f}, {{saved, dy}, {dx}}, p.count, cuda::stream_of(context));
    });
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .backward = erase<backward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .backward = erase<backward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::activation
