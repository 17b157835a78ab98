#include "kernels/conv_transpose2d/conv_transpose2d.h"

#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/conv2d/conv2d_plain.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv_transpose2d {
namespace {

constexpr Key cpu_f32{DeviceType::cpu, DType::f32};

const conv2d::Kernels& conv() { return *conv2d::table().find(cpu_f32); }

Pass adjoint_pass(Pass pass) {
    return pass == Pass::forward ? Pass::backward_data : pass == Pass::backward_data ? Pass::forward : Pass::backward_weights;
}

size_t workspace_f32(const Problem& p, Pass pass) { return conv2d::workspace(cpu_f32, adjoint(p), adjoint_pass(pass)); }

void forward(const Problem& p, const float* x, const float* weight, const float* bias, float* y, void* workspace, const Context& context) {
    conv().backward_data(adjoint(p), x, weight, y, workspace, context);
    if (!bias) return;
    parallel_for(p.n * p.out_h * p.out_w, 1 + 16384 / p.o, [&](int64_t begin, int64_t end) {
        for (int64_t pixel = begin; pixel < end; ++pixel)
            for (int64_t o = 0; o < p.o; ++o) y[pixel * p.o + o] += bias[o];
    });
}

std::unique_ptr<conv2d::PackedConv> pack_f32(const Problem& p, const conv2d::Epilogue& epilogue, const void* weight, const void* bias,
                                             const Context&) {
    check(p);
    return conv2d::make_packed(adjoint(p), Pass::backward_data, epilogue, static_cast<const float*>(weight),
                               static_cast<const float*>(bias));
}

void backward_data(const Problem& p, const float* dy, const float* weight, float* dx, void* workspace, const Context& context) {
    conv().forward(adjoint(p), dy, weight, nullptr, dx, workspace, context);
}

void backward_weights(const Problem& p, const float* x, const float* dy, float* dweight, float* dbias, void* workspace,
                      const Context& context) {
    if (dweight) conv().backward_weights(adjoint(p), dy, x, dweight, nullptr, workspace, context);
    if (dbias) conv2d::plain::backward_bias(p.n * p.out_h * p.out_w, p.o, dy, dbias);
}

}  // namespace

conv2d::Problem adjoint(const Problem& p) {
    conv2d::Problem a;
    a.n = p.n, a.h = p.out_h, a.w = p.out_w, a.c = p.o;
    a.o = p.c, a.kh = p.kh, a.kw = p.kw;
    a.stride = p.stride;
    a.pads = {p.crop_top, p.crop_left, static_cast<int>(p.full_h() - p.out_h - p.crop_top),
              static_cast<int>(p.full_w() - p.out_w - p.crop_left)};
    return a;
}

void check(const Problem& p) {
    require(p.n > 0 && p.h > 0 && p.w > 0 && p.c > 0, "conv_transpose2d: input ", p.n, "x", p.h, "x", p.w, "x", p.c, " has an empty axis");
    require(p.o > 0 && p.kh > 0 && p.kw > 0, "conv_transpose2d: weight of ", p.o, " outputs and a ", p.kh, "x", p.kw,
            " kernel has an empty axis");
    require(p.stride > 0, "conv_transpose2d: stride ", p.stride, " must be 1 or more");
    require(p.crop_top >= 0 && p.crop_left >= 0 && p.out_h > 0 && p.out_w > 0 && p.crop_top + p.out_h <= p.full_h() &&
                p.crop_left + p.out_w <= p.full_w(),
            "conv_transpose2d: the window of ", p.out_h, "x", p.out_w, " from ", p.crop_top, ",", p.crop_left, " leaves the ", p.full_h(),
            "x", p.full_w(), " result");
}

size_t workspace(Key key, const Problem& problem, Pass pass) {
    const Kernels* kernels = table().find(key);
    return kernels && kernels->workspace ? kernels->workspace(problem, pass) : 0;
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("conv_transpose2d", {{cpu_f32,
                                                        {.forward = erase<forward>,
                                                         .backward_data = erase<backward_data>,
                                                         .backward_weights = erase<backward_weights>,
                                                         .workspace = workspace_f32,
                                                         .pack = pack_f32}}});
    return kernels;
}

}  // namespace purnet::conv_transpose2d
