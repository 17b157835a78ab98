#include "kernels/linear/linear.h"

namespace purnet::linear {
namespace {

constexpr Key cpu_f32{DeviceType::cpu, DType::f32};

const conv2d::Kernels& conv() { return *conv2d::table().find(cpu_f32); }

// Rows of x as the pixels of one picture.
conv2d::Problem as_conv(const Problem& p) {
    conv2d::Problem conv;
    conv.w = p.n, conv.c = p.i, conv.o = p.o;
    return conv;
}

void forward(const Problem& p, const float* x, const float* weight, const float* bias, float* y, void* workspace, const Context& context) {
    conv().forward(as_conv(p), x, weight, bias, y, workspace, context);
}

void backward_data(const Problem& p, const float* dy, const float* weight, float* dx, void* workspace, const Context& context) {
    conv().backward_data(as_conv(p), dy, weight, dx, workspace, context);
}

void backward_weights(const Problem& p, const float* x, const float* dy, float* dweight, float* dbias, void* workspace,
                      const Context& context) {
    conv().backward_weights(as_conv(p), x, dy, dweight, dbias, workspace, context);
}

size_t workspace_f32(const Problem& p, Pass pass) { return conv2d::workspace(cpu_f32, as_conv(p), pass); }

}  // namespace

size_t workspace(Key key, const Problem& problem, Pass pass) {
    const Kernels* kernels = table().find(key);
    return kernels && kernels->workspace ? kernels->workspace(problem, pass) : 0;
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("linear", {{cpu_f32,
                                              {.forward = erase<forward>,
                                               .backward_data = erase<backward_data>,
                                               .backward_weights = erase<backward_weights>,
                                               .workspace = workspace_f32}}});
    return kernels;
}

}  // namespace purnet::linear
