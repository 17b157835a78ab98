#include "kernels/rectify/rectify.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/math.h"
#include "kernels/tile/pointwise.h"

namespace purnet::rectify {
namespace {

// y[i] = x[i] tanh(e[i]) + x[i]. Vectors of 16 bytes a thread (kernels/tile/pointwise.h). Bytes 3 count sizeof(T), about 25 FLOP
// each: limited by bandwidth. y may be x or e.
struct ForwardElements {
    __device__ ForwardElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = fmaf(in[0], tanhf(in[1]), in[0]); }
};

// dx[i] = dy[i] (1 + tanh e[i]), de[i] = dy[i] x[i] (1 - tanh^2 e[i]); tanh is computed again, which costs less than reading
// it. Bytes 5 count sizeof(T). dx or de may be dy.
struct BackwardElements {
    __device__ BackwardElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[3], float (&out)[2]) const {
        // 1 + tanh e = 2 / (1 + e^-2e) keeps its digits where tanh e is near -1.
        out[0] = in[2] * (2.0f * tile::sigmoid_parts(2.0f * in[1]).p);
        out[1] = in[2] * in[0] * tile::sech_squared(in[1]);
    }
};

template <class T>
void forward(int64_t count, const T* x, const T* e, T* y, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("rectify forward", text);
    tile::pointwise<T, 2, 1>(ForwardElements{}, {{x, e}, {y}}, count, cuda::stream_of(context));
}

template <class T>
void backward(int64_t count, const T* x, const T* e, const T* dy, T* dx, T* de, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("rectify backward", text);
    if (dx || de) tile::pointwise<T, 3, 2>(BackwardElements{}, {{x, e, dy}, {dx, de}}, count, cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .backward = erase<backward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .backward = erase<backward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::rectify
