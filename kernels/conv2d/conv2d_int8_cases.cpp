// The record of 8-bit convolutions: integers and scales by the formulas of conv2d_int8.h, sums by conv2d's own float64 reference.
#include <cmath>
#include <vector>

#include "kernels/conv2d/conv2d_int8.h"
#include "kernels/record/operands.h"
#include "kernels/record/packed_reference.h"

namespace purnet::conv2d {
namespace {

using namespace record;

struct Setting {
    Problem problem;
    Pass pass;
    Quantisation x;
    Epilogue epilogue;

    bool forward() const { return pass == Pass::forward; }
    int64_t in_count() const { return forward() ? problem.x_count() : problem.y_count(); }
    int64_t out_count() const { return forward() ? problem.y_count() : problem.x_count(); }
    int64_t outputs() const { return forward() ? problem.o : problem.c; }
};

void reference(const Setting& s, const uint8_t* x, const double* weight, const double* bias, const double* before, const double* after,
               double* y) {
    const int64_t per_row = s.problem.weight_count() / s.problem.o, inputs = s.problem.c;
    const auto output_of = [&](int64_t i) { return s.forward() ? i / per_row : i % inputs; };
    std::vector<double> scale(static_cast<size_t>(s.outputs()), 0), integers(static_cast<size_t>(s.problem.weight_count()));
    for (int64_t i = 0; i < s.problem.weight_count(); ++i) {
        double& most = scale[static_cast<size_t>(output_of(i))];
        most = std::max(most, std::fabs(weight[i]));
    }
    for (double& v : scale) v = static_cast<float>(v / 127);
    for (int64_t i = 0; i < s.problem.weight_count(); ++i) {
        const double of = scale[static_cast<size_t>(output_of(i))];
        integers[static_cast<size_t>(i)] = of > 0 ? std::round(weight[i] / of) : 0;
    }
    std::vector<double> source(static_cast<size_t>(s.in_count()));
    for (size_t i = 0; i < source.size(); ++i) source[i] = x[i] - s.x.zero;
    sum_reference(s.problem, s.pass, source.data(), integers.data(), y);
    for (int64_t i = 0; i < s.out_count(); ++i) y[i] *= static_cast<double>(s.x.scale) * scale[static_cast<size_t>(i % s.outputs())];
    finish_reference(s.epilogue, s.epilogue.top, s.outputs(), s.out_count(), bias, before, after, y);
}

Case make_case(std::string label, const Setting& s, bool real_layer = false) {
    const std::vector<int64_t> out{s.out_count()};
    Operand x{.name = "x",
              .role = Role::input,
              .kind = Kind::uint8,
              .shape = {s.in_count()},
              .fill = Fill::labels,
              .limit = 256,
              .differentiable = false};
    const bool before = s.epilogue.before, after = s.epilogue.after;
    std::vector<Operand> operands{x, parameter(input("weight", {s.problem.weight_count()})), parameter(input("bias", {s.outputs()}))};
    if (before) operands.push_back(parameter(input("before", out)));
    if (after) operands.push_back(parameter(input("after", out)));
    operands.push_back(parameter(output("y", out)));
    const auto run = [=](Key key, const Pointers& at, const Context&) {
        size_t next = 3;
        const void* summed = before ? at[next++] : nullptr;
        const void* added = after ? at[next++] : nullptr;
        if (key.device == DeviceType::reference)
            return reference(s, static_cast<const uint8_t*>(at[0]), static_cast<const double*>(at[1]), static_cast<const double*>(at[2]),
                             static_cast<const double*>(summed), static_cast<const double*>(added), static_cast<double*>(at[next]));
        const Int8Conv conv(s.problem, s.pass, s.epilogue, s.x, {}, static_cast<const float*>(at[1]), static_cast<const float*>(at[2]));
        const Block workspace(Device{}, conv.workspace());
        conv.run(static_cast<const uint8_t*>(at[0]), static_cast<const float*>(summed), static_cast<const float*>(added),
                 static_cast<float*>(at[next]), nullptr, workspace.data());
    };
    const auto available = [](Key key) { return key == Key{DeviceType::cpu, DType::f32} || key == Key{DeviceType::reference, DType::f64}; };
    return {.label = std::move(label),
            .real_layer = real_layer,
            .directions = {{.name = "forward", .operands = operands, .run = run, .available = available, .flops = s.problem.flops()}},
            .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const Quantisation middle{0.02f, 120}, low{0.01f, 0};
    const auto add = [&](const char* label, Problem p, Pass pass = Pass::forward, Epilogue e = {}, Quantisation x = {0.02f, 120}) {
        list.push_back(make_case(label, {p, pass, x, e}));
    };
    add("1x1 c1 o1", {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1});
    add("1x1 in place", {.n = 2, .h = 5, .w = 7, .c = 64, .o = 50}, Pass::forward, {.slope = 0}, low);
    add("1x1 odd channels", {.n = 1, .h = 6, .w = 3, .c = 13, .o = 17}, Pass::forward, {.slope = 0.25f, .before = true}, middle);
    add("3x3 pad", {.n = 2, .h = 9, .w = 8, .c = 16, .o = 33, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, Pass::forward,
        {.slope = 0, .top = 6, .after = true});
    add("3x3 stride 2 dilation 2 asymmetric",
        {.n = 1, .h = 11, .w = 13, .c = 5, .o = 6, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 2, 0, 3}, .dilation = 2});
    add("3x5 c3", {.n = 1, .h = 7, .w = 7, .c = 3, .o = 48, .kh = 3, .kw = 5, .pads = {1, 2, 1, 2}}, Pass::forward,
        {.slope = 0.1f, .before = true, .after = true}, low);
    add("transposed 4x4 stride 2", {.n = 1, .h = 12, .w = 10, .c = 18, .o = 12, .kh = 4, .kw = 4, .stride = 2, .pads = {1, 1, 1, 1}},
        Pass::backward_data, {.slope = 0.3f});
    add("transposed 2x2 stride 3", {.n = 2, .h = 9, .w = 7, .c = 3, .o = 20, .kh = 2, .kw = 2, .stride = 3}, Pass::backward_data);
    add("deep", {.n = 1, .h = 4, .w = 5, .c = 520, .o = 130, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}});
    list.push_back(make_case(
        "3x3 of 80 x 80",
        {{.n = 1, .h = 80, .w = 80, .c = 128, .o = 128, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, Pass::forward, middle, {.slope = 0.25f}},
        true));
    list.push_back(make_case("1x1 of 20 x 20", {{.n = 1, .h = 20, .w = 20, .c = 1024, .o = 256}, Pass::forward, low, {.slope = 0}}, true));
    return list;
}

const std::string bytes_on_cpus = "a form for CPUs, where bytes are the fast way; CUDA devices predict in bf16";

const bool registered = record::add({.name = "conv2d_int8",
                                     .formula = "y = epilogue(s_x s_o (sum of integer weight * (x - zero)) + bias), x in unsigned bytes",
                                     .cases = cases,
                                     .gradient = false,
                                     .absent = {{{DeviceType::cpu, DType::bf16}, "its pictures are bytes, its sums and results float32"},
                                                {{DeviceType::cuda, DType::f32}, bytes_on_cpus},
                                                {{DeviceType::cuda, DType::bf16}, bytes_on_cpus}}});

}  // namespace
}  // namespace purnet::conv2d
