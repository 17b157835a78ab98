#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet::conv_transpose2d {
namespace {

// The convolution from y to x runs the other way round (conv_transpose2d.h, adjoint): forward is its data gradient, in stride^2
// phases of which each takes only the taps that meet it (kernels/conv2d/conv2d_view.h): 4x4 with stride 2 is four convolutions of 2x2,
// a quarter of the products that a convolution over inserted zeros would take, in one launch. The crop is that convolution's
// padding: nothing outside the window is computed.

template <class T>
void forward(const Problem& p, const T* x, const T* weight, const float* bias, T* y, void* workspace, const Context& context) {
    check(p);
    conv2d::implicit::backward_data<T>(adjoint(p), x, weight, {.bias = bias}, y, workspace, context);
}

template <class T>
void backward_data(const Problem& p, const T* dy, const T* weight, T* dx, void* workspace, const Context& context) {
    check(p);
    conv2d::implicit::forward<T>(adjoint(p), dy, weight, {}, dx, workspace, context);
}

template <class T>
void backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, float* dbias, void* workspace, const Context& context) {
    check(p);
    if (dweight) conv2d::implicit::backward_weights(adjoint(p), dy, x, dweight, static_cast<float*>(nullptr), workspace, context);
    if (dbias) conv2d::implicit::backward_bias(p.n * p.out_h * p.out_w, p.o, dy, dbias, workspace, context);
}

template <class T>
std::unique_ptr<conv2d::PackedConv> pack(const Problem& p, const conv2d::Epilogue& epilogue, const void* weight, const void* bias,
                                         const Context& context) {
    check(p);
    return conv2d::implicit::make_packed<T>(adjoint(p), Pass::backward_data, epilogue, static_cast<const float*>(weight),
                                            static_cast<const float*>(bias), context);
}

template <class T>
size_t workspace_of(const Problem& p, Pass pass) {
    const Pass own = pass == Pass::forward ? Pass::backward_data : pass == Pass::backward_data ? Pass::forward : pass;
    const size_t product = conv2d::implicit::workspace<T>(adjoint(p), own);
    return pass == Pass::backward_weights ? std::max(product, conv2d::implicit::bias_workspace(p.n * p.out_h * p.out_w, p.o)) : product;
}

template <class T>
Kernels kernels_of() {
    return {.forward = erase<forward<T>>,
            .backward_data = erase<backward_data<T>>,
            .backward_weights = erase<backward_weights<T>>,
            .workspace = workspace_of<T>,
            .pack = pack<T>};
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, kernels_of<float>());
    table().add({DeviceType::cuda, DType::bf16}, kernels_of<bf16>());
    return true;
}();

}  // namespace
}  // namespace purnet::conv_transpose2d
