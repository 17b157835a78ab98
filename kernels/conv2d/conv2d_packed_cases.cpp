// The record of convolutions packed for inference (packed.h), with everything that follows the sum: the fused pass against convolution and
// epilogue apart, in float64. bf16 on CUDA devices; the CPU's bf16, whose operands are others, is the record conv2d_bf16.
#include <cmath>
#include <vector>

#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/record/operands.h"
#include "kernels/record/packed_reference.h"
#include "kernels/record/winograd_bound.h"
#include "kernels/runtime/memory.h"

namespace purnet::conv2d {
namespace {

using namespace record;

struct Setting {
    Problem problem;
    Pass pass = Pass::forward;
    conv_transpose2d::Problem transposed;  // of backward_data: problem is its adjoint
    Epilogue epilogue;
    bool bias = true;

    bool forward() const { return pass == Pass::forward; }
    int64_t in_count() const { return forward() ? problem.x_count() : problem.y_count(); }
    int64_t out_count() const { return forward() ? problem.y_count() : problem.x_count(); }
    int64_t outputs() const { return forward() ? problem.o : problem.c; }
    int64_t reduction() const { return problem.kh * problem.kw * (forward() ? problem.c : problem.o) / problem.groups + 3; }
};

// Where each operand lies among a case's pointers.
struct Operands {
    const void *x, *weight, *bias = nullptr, *before = nullptr, *after = nullptr;
    void* y;

    Operands(const Setting& s, const Pointers& at) : x(at[0]), weight(at[1]), y(at[2]) {
        size_t next = 3;
        if (s.bias) bias = at[next++];
        if (s.epilogue.before) before = at[next++];
        if (s.epilogue.after) after = at[next++];
    }
};

void sum(const Setting& s, const Operands& at) { sum_reference(s.problem, s.pass, at.x, at.weight, at.y); }
void finish(const Setting& s, const Operands& at, float top) {
    finish_reference(s.epilogue, top, s.outputs(), s.out_count(), at.bias, at.before, at.after, at.y);
}

// Of absolute values a cap must not cut anything; a slope of -1 .. 1 passes no more of an error than it gets.
bool magnitude(const Setting& s, Key key, const Pointers& pointers) {
    const Operands at(s, pointers);
    if (key.device != DeviceType::cpu || !winograd_bound(s.problem, s.pass, static_cast<const double*>(at.x),
                                                         static_cast<const double*>(at.weight), static_cast<double*>(at.y)))
        sum(s, at);
    finish(s, at, INFINITY);
    return true;
}

std::vector<float> on_host(const void* values, int64_t count, DType type, const Device& device) {
    std::vector<char> bytes(static_cast<size_t>(count) * size_of(type));
    copy_bytes(bytes.data(), {}, values, device, bytes.size());
    std::vector<float> result;
    for (int64_t i = 0; i < count; ++i)
        result.push_back(type == DType::bf16 ? static_cast<float>(reinterpret_cast<const bf16*>(bytes.data())[i])
                                             : reinterpret_cast<const float*>(bytes.data())[i]);
    return result;
}

void twin(const Setting& s, const Operands& at, Key key, const Context& context) {
    const std::vector<float> weight = on_host(at.weight, s.problem.weight_count(), key.dtype, context.device);
    const std::vector<float> bias = s.bias ? on_host(at.bias, s.outputs(), DType::f32, context.device) : std::vector<float>();
    const float* biases = s.bias ? bias.data() : nullptr;
    const auto conv = s.forward() ? table().get(&Kernels::pack, "pack", key)(s.problem, s.epilogue, weight.data(), biases, context)
                                  : conv_transpose2d::table().get(&conv_transpose2d::Kernels::pack, "pack", key)(
                                        s.transposed, s.epilogue, weight.data(), biases, context);
    const Block workspace(context.device, conv->workspace());
    fill_bytes(workspace.data(), context.device, 0xFF, workspace.bytes());
    conv->run(at.x, at.before, at.after, at.y, workspace.data(), context);
}

Case make_case(const std::string& label, const Setting& s) {
    const Operand weight{
        .name = "weight", .kind = Kind::activation, .shape = {s.problem.weight_count()}, .multiple = winograd_multiple(s.problem, s.pass)};
    const std::vector<int64_t> out{s.out_count()};
    std::vector<Operand> operands{input("x", {s.in_count()}), weight, output("y", out)};
    if (s.bias) operands.push_back(parameter(input("bias", {s.outputs()})));
    if (s.epilogue.before) operands.push_back(input("before", out));
    if (s.epilogue.after) operands.push_back(input("after", out));
    const auto run = [s](Key key, const Pointers& pointers, const Context& context) {
        const Operands at(s, pointers);
        if (key.device != DeviceType::reference) return twin(s, at, key, context);
        sum(s, at);
        finish(s, at, s.epilogue.top);
    };
    const auto available = [](Key key) { return key.device == DeviceType::reference || table().has(&Kernels::pack, key); };
    return {.label = label,
            .directions = {{.name = "forward",
                            .operands = operands,
                            .run = run,
                            .available = available,
                            .flops = s.problem.flops(),
                            .multilinear = true,
                            .reduction = s.reduction(),
                            .magnitude = [s](Key key, const Pointers& at) { return magnitude(s, key, at); }}},
            .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const auto add = [&](const char* label, const Problem& p, const Epilogue& e = {}, bool bias = true) {
        list.push_back(make_case(label, {p, Pass::forward, {}, e, bias}));
    };
    const auto transposed = [&](const char* label, const conv_transpose2d::Problem& p, const Epilogue& e, bool bias = true) {
        list.push_back(make_case(label, {adjoint(p), Pass::backward_data, p, e, bias}));
    };
    // A result in quarters, to which something is added, does not fit into bf16: a slope of -1 (the absolute value) stands in for them.
    const Epilogue prelu{.slope = 0.25f}, all{.slope = -1, .top = 9, .before = true, .after = true};
    add("nothing follows", {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1}, {}, false);
    // Channels that are no multiple of a vector, that are one of four, of eight; results that are none.
    add("1x1 c13 o17", {.n = 1, .h = 6, .w = 3, .c = 13, .o = 17}, all);
    add("1x1 c12 o20", {.n = 2, .h = 5, .w = 7, .c = 12, .o = 20}, {.slope = 0, .before = true});
    add("1x1 c64 o50", {.n = 2, .h = 5, .w = 7, .c = 64, .o = 50}, {.slope = -1, .after = true}, false);
    add("1x1 c64 o72", {.n = 1, .h = 9, .w = 9, .c = 64, .o = 72}, all);
    add("1x1 c16 o24", {.n = 1, .h = 9, .w = 9, .c = 16, .o = 24}, all);
    add("1x1 stride 2", {.n = 1, .h = 7, .w = 9, .c = 32, .o = 16, .stride = 2}, {.slope = 0, .before = true, .after = true});
    add("stem", {.n = 1, .h = 13, .w = 15, .c = 3, .o = 24, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}}, prelu);
    // Fewer than 16 results: the CPU does not take Winograd's algorithm, whose integers, to which something is added, bf16 has not.
    const Pads one{1, 1, 1, 1};
    add("3x3", {.n = 1, .h = 9, .w = 8, .c = 40, .o = 12, .kh = 3, .kw = 3, .pads = one}, {.slope = 0, .top = 6, .after = true});
    add("3x3 dilation 2", {.n = 1, .h = 8, .w = 8, .c = 32, .o = 12, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2}, prelu);
    add("3x3 c40 o33", {.n = 2, .h = 9, .w = 8, .c = 40, .o = 33, .kh = 3, .kw = 3, .pads = one}, prelu, false);
    add("3x3 stride 2, pads on one side", {.n = 1, .h = 9, .w = 9, .c = 16, .o = 24, .kh = 3, .kw = 3, .stride = 2, .pads = {0, 0, 1, 1}},
        {.slope = 0, .before = true});
    add("groups of 4 to 8", {.n = 1, .h = 6, .w = 7, .c = 12, .o = 24, .kh = 3, .kw = 3, .pads = one, .groups = 3}, all);
    add("head", {.n = 1, .h = 9, .w = 8, .c = 48, .o = 1});
    // Few tiles with long sums, which a grid of blocks shares.
    add("in parts", {.n = 1, .h = 5, .w = 4, .c = 128, .o = 12, .kh = 3, .kw = 3, .pads = one}, all);
    add("in parts, c90", {.n = 1, .h = 5, .w = 4, .c = 90, .o = 14, .kh = 3, .kw = 3, .pads = one}, all);
    add("depthwise", {.n = 2, .h = 7, .w = 6, .c = 40, .o = 40, .kh = 3, .kw = 3, .pads = one, .groups = 40}, all);
    add("depthwise c37", {.n = 1, .h = 9, .w = 8, .c = 37, .o = 37, .kh = 5, .kw = 5, .stride = 2, .pads = {1, 2, 2, 2}, .groups = 37}, all,
        false);
    conv_transpose2d::Problem up{
        .n = 1, .h = 5, .w = 4, .c = 32, .o = 8, .kh = 4, .kw = 4, .stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 9, .out_w = 8};
    transposed("transposed 4x4 stride 2", up, all);
    up.c = 18, up.o = 13;
    transposed("transposed 4x4 stride 2, odd channels", up, prelu);
    transposed("transposed 3x3 stride 1", {.n = 1, .h = 6, .w = 5, .c = 40, .o = 8, .kh = 3, .kw = 3, .out_h = 8, .out_w = 7}, all);
    transposed("transposed 2x3 stride 3",
               {.n = 2, .h = 3, .w = 4, .c = 5, .o = 18, .kh = 2, .kw = 3, .stride = 3, .crop_left = 2, .out_h = 8, .out_w = 9},
               {.slope = 0, .top = 6, .before = true});
    transposed(
        "transposed head",
        {.n = 1, .h = 4, .w = 5, .c = 1, .o = 1, .kh = 8, .kw = 8, .stride = 4, .crop_top = 2, .crop_left = 2, .out_h = 16, .out_w = 19},
        {}, false);
    return list;
}

const bool registered = record::add({.name = "conv2d_packed",
                                     .formula = "y = epilogue(conv(x, weight) or its transposed + bias): sums before and after, activation",
                                     .cases = cases,
                                     .gradient = false});

}  // namespace
}  // namespace purnet::conv2d
