// The convolution that a case of a record runs on a CUDA device, read from its label, which is the case in one line: what predicts a
// case's time (device_model.h) needs the strides, pads and dilations that its operands' shapes leave open.
#pragma once

#include <cstdio>
#include <optional>
#include <sstream>
#include <string>

#include "apps/bench/device_model.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet::bench {

// Of a transposed convolution: that of the convolution whose data gradient it is.
inline Convolution transposed(const conv_transpose2d::Problem& problem, conv2d::Pass pass) {
    using conv2d::Pass;
    return {conv_transpose2d::adjoint(problem), pass == Pass::forward         ? Pass::backward_data
                                                : pass == Pass::backward_data ? Pass::forward
                                                                              : pass};
}

// "n1 h80 w80 c128 o128 k3x3 s2 d2 g32 p1,1,1,1 bias" (conv2d_cases.cpp), "n1 h20 w20 c128 o128 k4x4 s2 crop1,1 to40x40"
// (conv_transpose2d_cases.cpp), "n4 i2048 o1000" (linear_cases.cpp). Nothing for other ops. Error where a word is none of these.
inline std::optional<Convolution> convolution_of_case(const std::string& op, const std::string& direction, const std::string& label) {
    using conv2d::Pass;
    const bool is_transposed = op == "conv_transpose2d";
    if (op != "conv2d" && op != "linear" && !is_transposed) return std::nullopt;
    conv_transpose2d::Problem t;
    conv2d::Problem p;
    std::istringstream words(label);
    for (std::string word; words >> word;) {
        long long a = 0, b = 0;
        int c = 0, d = 0, e = 0, f = 0, end = 0;
        const auto is = [&](const char* form, auto*... values) {
            end = 0;
            return std::sscanf(word.c_str(), form, values..., &end) == static_cast<int>(sizeof...(values)) &&
                   end == static_cast<int>(word.size());
        };
        if (word == "bias") continue;
        if (is("n%lld%n", &a))
            p.n = t.n = a;
        else if (is("h%lld%n", &a))
            p.h = t.h = a;
        else if (is("w%lld%n", &a))
            p.w = t.w = a;
        else if (is("c%lld%n", &a) || is("i%lld%n", &a))
            p.c = t.c = a;
        else if (is("o%lld%n", &a))
            p.o = t.o = a;
        else if (is("k%lldx%lld%n", &a, &b))
            p.kh = t.kh = a, p.kw = t.kw = b;
        else if (is("s%d%n", &c))
            p.stride = t.stride = c;
        else if (is("d%d%n", &c))
            p.dilation = c;
        else if (is("g%d%n", &c))
            p.groups = c;
        else if (is("p%d,%d,%d,%d%n", &c, &d, &e, &f))
            p.pads = {c, d, e, f};
        else if (is("crop%d,%d%n", &c, &d))
            t.crop_top = c, t.crop_left = d;
        else if (is("to%lldx%lld%n", &a, &b))
            t.out_h = a, t.out_w = b;
        else
            throw Error(concat(op, ".", direction, ".", label, ": '", word, "' tells nothing of a convolution"));
    }
    if (op == "linear") p.w = p.n, p.n = 1;  // rows are the pixels of one picture (linear.cu)
    const Pass pass = direction == "backward_weights"          ? Pass::backward_weights
                      : direction.starts_with("backward_data") ? Pass::backward_data
                                                               : Pass::forward;
    return is_transposed ? transposed(t, pass) : Convolution{p, pass};
}

}  // namespace purnet::bench
