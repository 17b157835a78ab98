// The record of bf16 convolutions: sums by conv2d's own float64 reference, then the epilogue. Pictures and weights are bf16 numbers, so
// that what is held to the bound is the summing and the rounding of the result.
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/record/operands.h"
#include "kernels/record/packed_reference.h"
#include "kernels/runtime/memory.h"

namespace purnet::conv2d {
namespace {

using namespace record;

struct Setting {
    Problem problem;
    Pass pass = Pass::forward;
    Epilogue epilogue;
    DType y = DType::f32;

    bool forward() const { return pass == Pass::forward; }
    int64_t in_count() const { return forward() ? problem.x_count() : problem.y_count(); }
    int64_t out_count() const { return forward() ? problem.y_count() : problem.x_count(); }
    int64_t outputs() const { return forward() ? problem.o : problem.c; }
    int64_t reduction() const { return problem.kh * problem.kw * (forward() ? problem.c : problem.o) + 3; }
};

// Where each operand lies among a case's pointers.
struct Operands {
    const void *x, *weight, *bias, *before, *after;
    void* y;

    Operands(const Setting& s, const Pointers& at) : x(at[0]), weight(at[1]), bias(at[2]) {
        size_t next = 3;
        before = s.epilogue.before ? at[next++] : nullptr;
        after = s.epilogue.after ? at[next++] : nullptr;
        y = at[next];
    }
};

void reference(const Setting& s, const Operands& at, float top) {
    sum_reference(s.problem, s.pass, at.x, at.weight, at.y);
    finish_reference(s.epilogue, top, s.outputs(), s.out_count(), at.bias, at.before, at.after, at.y);
}

void twin(const Setting& s, const Operands& at) {
    std::vector<float> weight;
    for (int64_t i = 0; i < s.problem.weight_count(); ++i) weight.push_back(static_cast<float>(static_cast<const bf16*>(at.weight)[i]));
    const auto conv = pack_bf16(s.problem, s.pass, s.epilogue, s.y, weight.data(), static_cast<const float*>(at.bias));
    const Block workspace(Device{}, std::max<size_t>(conv->workspace(), 1));
    std::memset(workspace.data(), 0xFF, workspace.bytes());
    conv->run(at.x, at.before, at.after, at.y, workspace.data(), {});
}

Case make_case(const char* label, const Setting& s, bool real_layer) {
    const std::vector<int64_t> out{s.out_count()};
    std::vector<Operand> operands{input("x", {s.in_count()}), input("weight", {s.problem.weight_count()}),
                                  parameter(input("bias", {s.outputs()}))};
    if (s.epilogue.before) operands.push_back(parameter(input("before", out)));
    if (s.epilogue.after) operands.push_back(parameter(input("after", out)));
    operands.push_back(s.y == DType::bf16 ? output("y", out) : parameter(output("y", out)));
    const auto run = [=](Key key, const Pointers& at, const Context&) {
        const Operands operands(s, at);
        key.device == DeviceType::reference ? reference(s, operands, s.epilogue.top) : twin(s, operands);
    };
    // An activation of slope 0 .. 1 passes no more of an error than it gets; of the sum of absolute values a cap must not cut anything.
    const auto magnitude = [=](Key, const Pointers& at) {
        reference(s, Operands(s, at), INFINITY);
        return true;
    };
    const auto available = [](Key key) {
        return key == Key{DeviceType::cpu, DType::bf16} || key == Key{DeviceType::reference, DType::f64};
    };
    return {.label = concat(label, s.y == DType::bf16 ? " to bf16" : " to f32"),
            .real_layer = real_layer,
            .directions = {{.name = "forward",
                            .operands = operands,
                            .run = run,
                            .available = available,
                            .flops = s.problem.flops(),
                            .multilinear = true,
                            .reduction = s.reduction(),
                            .magnitude = magnitude}},
            .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const auto add = [&](const char* label, const Problem& p, const Epilogue& e = {}, Pass pass = Pass::forward, bool real_layer = false) {
        // A result in quarters does not fit into bf16 when something is added: slopes between 0 and 1 end in float32 then.
        list.push_back(make_case(label, {p, pass, e, DType::f32}, real_layer));
        if (!e.after || e.slope == 0 || e.slope == 1) list.push_back(make_case(label, {p, pass, e, DType::bf16}, real_layer));
    };
    const Pass transposed = Pass::backward_data;
    add("1x1 c1 o1", {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1});
    add("1x1", {.n = 2, .h = 5, .w = 7, .c = 64, .o = 50}, {.slope = 0});
    add("1x1 odd channels", {.n = 1, .h = 6, .w = 3, .c = 13, .o = 17}, {.slope = 0.25f, .before = true});
    add("1x1 stride 2", {.n = 1, .h = 7, .w = 9, .c = 32, .o = 16, .stride = 2}, {.slope = 0, .before = true, .after = true});
    add("3x3 pad", {.n = 2, .h = 9, .w = 8, .c = 16, .o = 33, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
        {.slope = 0, .top = 6, .after = true});
    add("3x3 stride 2 dilation 2 asymmetric",
        {.n = 1, .h = 11, .w = 13, .c = 17, .o = 18, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 2, 0, 3}, .dilation = 2});
    add("3x5", {.n = 1, .h = 7, .w = 7, .c = 20, .o = 48, .kh = 3, .kw = 5, .pads = {1, 2, 1, 2}},
        {.slope = 0.25f, .before = true, .after = true});
    add("transposed 4x4 stride 2", {.n = 1, .h = 12, .w = 10, .c = 18, .o = 20, .kh = 4, .kw = 4, .stride = 2, .pads = {1, 1, 1, 1}},
        {.slope = 0.25f}, transposed);
    add("transposed 2x2 stride 3", {.n = 2, .h = 9, .w = 7, .c = 16, .o = 20, .kh = 2, .kw = 2, .stride = 3},
        {.slope = 0, .top = 6, .before = true, .after = true}, transposed);
    add("deep", {.n = 1, .h = 4, .w = 5, .c = 520, .o = 130, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, {.slope = 0});
    add("deep 1x1", {.n = 1, .h = 5, .w = 4, .c = 2048, .o = 80}, {.slope = 0.25f, .before = true});
    add("3x3 of 80 x 80", {.n = 1, .h = 80, .w = 80, .c = 128, .o = 128, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, {.slope = 0.25f},
        Pass::forward, true);
    add("1x1 of 20 x 20", {.n = 1, .h = 20, .w = 20, .c = 1024, .o = 256}, {.slope = 0}, Pass::forward, true);
    return list;
}

const std::string in_bf16_on_cuda = "a form for CPUs, packed by oneDNN; on CUDA devices bf16 is a type of conv2d and conv2d_packed";

const bool registered = record::add({.name = "conv2d_bf16",
                                     .formula = "y = epilogue(sum of weight * x + bias), x and weight in bf16, y in float32 or bf16",
                                     .cases = cases,
                                     .gradient = false,
                                     .absent = {{{DeviceType::cpu, DType::f32}, "that is conv2d_packed"},
                                                {{DeviceType::cuda, DType::f32}, in_bf16_on_cuda},
                                                {{DeviceType::cuda, DType::bf16}, in_bf16_on_cuda}}});

}  // namespace
}  // namespace purnet::conv2d
