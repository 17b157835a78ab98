#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/linear/linear.h"

namespace purnet::linear {
namespace {

// The rows of x as the pixels of one picture, under a 1x1 kernel: the kernels of kernels/conv2d.
conv2d::Problem as_conv(const Problem& p) {
    conv2d::Problem conv;
    conv.w = p.n, conv.c = p.i, conv.o = p.o;
    return conv;
}

template <class T>
void forward(const Problem& p, const T* x, const T* weight, const float* bias, T* y, void* workspace, const Context& context) {
    conv2d::implicit::forward<T>(as_conv(p), x, weight, {.bias = bias}, y, workspace, context);
}
template <class T>
void backward_data(const Problem& p, const T* dy, const T* weight, T* dx, void* workspace, const Context& context) {
    conv2d::implicit::backward_data<T>(as_conv(p), dy, weight, {}, dx, workspace, context);
}
template <class T>
void backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, float* dbias, void* workspace, const Context& context) {
    conv2d::implicit::backward_weights(as_conv(p), x, dy, dweight, dbias, workspace, context);
}
template <class T>
size_t workspace_of(const Problem& p, Pass pass) {
    return conv2d::implicit::workspace<T>(as_conv(p), pass);
}

template <class T>
Kernels kernels_of() {
    return {.forward = erase<forward<T>>,
            .backward_data = erase<backward_data<T>>,
            .backward_weights = erase<backward_weights<T>>,
            .workspace = workspace_of<T>};
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, kernels_of<float>());
    table().add({DeviceType::cuda, DType::bf16}, kernels_of<bf16>());
    return true;
}();

}  // namespace
}  // namespace purnet::linear
