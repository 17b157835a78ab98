// The structural similarity loss (PurNet, equations 14 and 15) without an n x n matrix, value and gradient in one pass. For each image,
// with regions r < n = its largest label + 1, of |r| pixels:
//     P_r, Q_r = mean of m and of 1 - m over region r,   G_r, H_r = mean of g and of 1 - g;   m = sigmoid(z), or sigmoid(sigmoid(z))
//     (a label no pixel has: P = G = 0, Q = H = 1)
//     1 + b_rs = P_r + Q_s,  1 - b_rs = Q_r + P_s;  1 + a_rs = G_r + H_s,  1 - a_rs = H_r + G_s        each of b at least 1e-30
//     KL       = (1 / n^2) sum over r < s of (1 + a) ln((1 + a) / (1 + b)) + (1 - a) ln((1 - a) / (1 - b)),   0 ln 0 = 0
//     dKL/dP_r = (1 / n^2) sum over s of (1 - a_rs) / (1 - b_rs) - (1 + a_rs) / (1 + b_rs)
//     loss     = mean of KL over the images;    dz_i = dKL/dP_r / |r| / images * dm/dz_i
// The factors are sums of what is near 0, never differences of what is near 1: a confident map keeps all its digits. Of m and 1 - m
// the smaller one is rounded to float32, and the other is what it leaves of 1 in float64: so P_r + Q_r = 1. Were both rounded to float32,
// (1 + b) + (1 - b) would be 2 (1 + e), with e up to 2^-24 and the same for every pixel of a saturated map, and the two logarithms
// of a pair would add up to 2 e less: KL would be wrong by e, at a value that is itself small of the second order, (a - b)^2.
// z, g: activations, images x pixels; labels: int32; loss: one parameter; dz: parameters, as they are still to be multiplied by the
// upstream gradient; may be null. Work: 80 pixels + 60 n^2 FLOP an image;
// float64 beyond the pixels. Sums have one order. Labels outside 0 .. most_regions - 1: on the CPU an Error that names image and label; on
// CUDA devices, where a kernel cannot throw, NaN as loss and as dz of that image. The loader lets none through (data/loader/prepare.h).
// Workspace: workspace_bytes(problem).
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::structural {

inline constexpr int64_t most_regions = 4096;
inline constexpr double least_factor = 1e-30;

struct Problem {
    int64_t images = 1;
    int64_t pixels = 1;  // of an image
    bool second_sigmoid = false;
};

struct Kernels {
    void (*forward)(const Problem&, const void* z, const void* g, const int32_t* labels, void* loss, void* dz, void* workspace,
                    const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);

}  // namespace purnet::structural
