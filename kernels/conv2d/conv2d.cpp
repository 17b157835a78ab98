#include "kernels/conv2d/conv2d.h"

#include <algorithm>

#include "kernels/batch_norm/moments.h"
#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/conv2d/conv2d_onednn.h"
#include "kernels/conv2d/conv2d_plain.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d {
namespace {

// The forward that training records: tiles of 4 x 4 round so much that gradients with cancellation (a PReLU's slope) move by a
// fifth; tiles of 2 x 2 keep them. Inference (pack) and data gradients, which nothing amplifies, take the fastest.
Method recorded_method(const Problem& p, Pass pass) {
    const Method method = method_for(p, pass);
    return pass == Pass::forward && method == Method::winograd4 ? Method::winograd2 : method;
}

// Without packed weights: they are packed into the workspace at every call.
size_t workspace_f32(const Problem& p, Pass pass) {
    const Method method = recorded_method(p, pass);
    if (method == Method::library) return onednn::workspace(p, pass);
    if (pass == Pass::backward_weights) return backward_weights_scratch_bytes(method, p);
    if (method == Method::plain) return 0;
    return packed_bytes(method, p, pass) + scratch_bytes(method, p, pass);
}

void pack_and_run(Method method, const Problem& p, Pass pass, const float* source, const float* weight, const float* bias, float* out,
                  void* workspace) {
    const gemm::Finish finish{.bias = bias};
    if (method == Method::plain) return run(method, p, pass, source, weight, finish, out, nullptr);
    float* packed = static_cast<float*>(workspace);
    pack(method, p, pass, weight, packed);
    run(method, p, pass, source, packed, finish, out, packed + packed_bytes(method, p, pass) / sizeof(float));
}

void forward_f32(const Problem& p, const float* x, const float* weight, const float* bias, float* y, void* workspace, const Context&) {
    const Method method = recorded_method(p, Pass::forward);
    if (method == Method::library) return onednn::forward(p, x, weight, bias, y, workspace);
    pack_and_run(method, p, Pass::forward, x, weight, bias, y, workspace);
}

// A pass over y: nothing is saved here, so nobody is told to take it (gives_moments).
void forward_moments_f32(const Problem& p, const float* x, const float* weight, const float* bias, float* y, float* moments,
                         void* workspace, const Context& context) {
    require_moments(p);
    forward_f32(p, x, weight, bias, y, workspace, context);
    const int64_t rows = p.n * p.out_h() * p.out_w(), parts = batch_norm::moment_parts(rows), plane = parts * p.o;
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) {
            const float* first = y + part * batch_norm::moment_rows * p.o;
            const float* last = y + std::min(rows, (part + 1) * batch_norm::moment_rows) * p.o;
            float* to = moments + part * p.o;
            for (int64_t c = 0; c < p.o; ++c) to[c] = first[c], to[plane + c] = to[2 * plane + c] = 0;
            for (const float* row = first; row < last; row += p.o)
                for (int64_t c = 0; c < p.o; ++c) {
                    const float d = row[c] - first[c];
                    to[plane + c] += d;
                    to[2 * plane + c] += d * d;
                }
        }
    });
}

void backward_data_f32(const Problem& p, const float* dy, const float* weight, float* dx, void* workspace, const Context&) {
    const Method method = method_for(p, Pass::backward_data);
    if (method == Method::library) return onednn::backward_data(p, dy, weight, dx, workspace);
    pack_and_run(method, p, Pass::backward_data, dy, weight, nullptr, dx, workspace);
}

// As forward_moments_f32: nobody is told to take it.
void backward_data_sums_f32(const Problem& p, const float* dy, const float* weight, const batch_norm::NormOperands& norm, float* dx,
                            float* sums, void* workspace, const Context& context) {
    require_gradient_sums(p);
    backward_data_f32(p, dy, weight, dx, workspace, context);
    batch_norm::gradient_sums(norm, p.n * p.h * p.w, p.c, dx, sums);
}

void backward_weights_f32(const Problem& p, const float* x, const float* dy, float* dweight, float* dbias, void* workspace,
                          const Context&) {
    const Method method = method_for(p, Pass::backward_weights);
    if (dweight && method == Method::library) return onednn::backward_weights(p, x, dy, dweight, dbias, workspace);
    if (dweight) backward_weights(method, p, x, dy, dweight, static_cast<float*>(workspace));
    if (dbias) plain::backward_bias(p.n * p.out_h() * p.out_w(), p.o, dy, dbias);
}

std::unique_ptr<PackedConv> pack_f32(const Problem& p, const Epilogue& epilogue, const void* weight, const void* bias, const Context&) {
    check(p);
    return make_packed(p, Pass::forward, epilogue, static_cast<const float*>(weight), static_cast<const float*>(bias));
}

}  // namespace

void check(const Problem& p) {
    require(p.n > 0 && p.h > 0 && p.w > 0 && p.c > 0, "conv2d: input ", p.n, "x", p.h, "x", p.w, "x", p.c, " has an empty axis");
    require(p.o > 0 && p.kh > 0 && p.kw > 0, "conv2d: weight of ", p.o, " outputs and a ", p.kh, "x", p.kw, " kernel has an empty axis");
    require(p.stride > 0 && p.dilation > 0, "conv2d: stride ", p.stride, " and dilation ", p.dilation, " must be 1 or more");
    require(p.groups > 0 && p.c % p.groups == 0 && p.o % p.groups == 0, "conv2d: ", p.groups, " groups do not divide ", p.c, " inputs and ",
            p.o, " outputs");
    require(p.pads.top >= 0 && p.pads.left >= 0 && p.pads.bottom >= 0 && p.pads.right >= 0, "conv2d: negative padding");
    require(p.h + p.pads.top + p.pads.bottom > (p.kh - 1) * p.dilation && p.w + p.pads.left + p.pads.right > (p.kw - 1) * p.dilation,
            "conv2d: a ", p.kh, "x", p.kw, " kernel of dilation ", p.dilation, " does not fit into the padded ", p.h, "x", p.w, " input");
}

void require_moments(const Problem& p) {
    require(p.has_moments(), "conv2d: no moments of a convolution in groups or from one channel to one");
}

void require_gradient_sums(const Problem& p) {
    require(p.has_gradient_sums(),
            "conv2d: no sums over the input's gradient of a convolution with a stride, in groups or from one channel to one");
}

size_t workspace(Key key, const Problem& problem, Pass pass) {
    const Kernels* kernels = table().find(key);
    return kernels && kernels->workspace ? kernels->workspace(problem, pass) : 0;
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("conv2d", {{{DeviceType::cpu, DType::f32},
                                              {.forward = erase<forward_f32>,
                                               .forward_moments = erase<forward_moments_f32>,
                                               .backward_data = erase<backward_data_f32>,
                                               .backward_data_sums = erase<backward_data_sums_f32>,
                                               .backward_weights = erase<backward_weights_f32>,
                                               .workspace = workspace_f32,
                                               .pack = pack_f32}}});
    return kernels;
}

}  // namespace purnet::conv2d
