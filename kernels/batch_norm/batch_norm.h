// Batch normalisation (Ioffe and Szegedy 2015) with what follows it in one operation. For r < rows = N H W, c < channels = C:
//     m_c, v_c   training: mean and biased variance of x[:, c];  else running_mean[c], running_var[c]
//     h[r,c]   = (x[r,c] - m_c) s_c,   s_c = 1 / sqrt(v_c + eps)
//     u[r,c]   = gamma_c h[r,c] + beta_c + before[r,c]
//     y[r,c]   = act(u[r,c]) + after[r,c]
//     training also: running_mean = (1 - momentum) running_mean + momentum m,
//                    running_var  = (1 - momentum) running_var  + momentum v rows / (rows - 1)    (v where rows = 1)
//     act: none, relu, relu6, prelu with one slope.
// Where the forward is given the moments of x (moments.h), which who made x took in passing, batch statistics come from these.
// Backward, with g[r,c] = dy[r,c] act'(u[r,c]):
//     dbeta_c = sum_r g,   dgamma_c = sum_r g h,   dslope = sum_rc dy min(u, 0),   dbefore = g,   dafter = dy (left to the caller)
//     dx = gamma_c s_c g                                            running statistics
//     dx = gamma_c s_c (g - dbeta_c / rows - h dgamma_c / rows)     batch statistics
// Where the backward is given the sums over dy (gradient_sums.h), which who made dy took in passing, dbeta, dgamma and dslope come from
// these; not beside `before`.
// u is computed anew from x and before: nothing of size rows x C is stored between the two. Nor need y be: apply gives it again, bit for
// bit, from x and what the forward wrote down for each channel:  u = gamma_c ((x - mean_c) inverse_c) + shift_c + before.
//
// x, before, after, y, dy, dx, dbefore: activations, rows x C, contiguous, C fastest. gamma, beta, running_*, mean, inverse (s), shift
// (beta, and what rounding the mean lost) and their gradients: parameters, C values; slope, dslope: one. Optional, null when absent: slope
// (but for prelu), before, after, moments, sums and all results of the backward. y may be x, before or after; dx may be dy, dbefore may not
// be dx. The forward writes mean, inverse and shift always: the backward and apply read them. Sums are taken in float64 over blocks fixed
// by the shape: the same bits for any number of threads. Bytes: training forward 3 (read twice, written once; 2 with moments) + 1 each for
// before, after; apply 2 + 1 each; backward 5 (x, dy twice, dx; 3 with sums) + 1 for before.
#pragma once

#include <cstddef>

#include "kernels/activation/activation.h"
#include "kernels/runtime/table.h"

namespace purnet::batch_norm {

struct Problem {
    int64_t rows = 0;
    int64_t channels = 0;
    bool training = true;
    double eps = 1e-5;
    double momentum = 0.1;
    Activation activation = Activation::none;
    bool has_before = false;
    bool has_after = false;
};

struct Forward {
    const void* x;
    const void* gamma;
    const void* beta;
    void* running_mean;  // read, and in training overwritten
    void* running_var;
    const void* slope;
    const void* before;
    const void* after;
    void* y;
    void* mean;
    void* inverse;
    void* shift;
    void* workspace;
    const void* moments = nullptr;
};

struct Apply {
    const void* x;
    const void* gamma;
    const void* mean;
    const void* inverse;
    const void* shift;
    const void* slope;
    const void* before;
    const void* after;
    void* y;
};

struct Backward {
    const void* x;
    const void* gamma;
    const void* beta;
    const void* mean;
    const void* inverse;
    const void* slope;
    const void* before;
    const void* dy;
    void* dx;
    void* dgamma;
    void* dbeta;
    void* dslope;
    void* dbefore;
    void* workspace;
    const void* sums = nullptr;
};

struct Kernels {
    void (*forward)(const Problem&, const Forward&, const Context&) = nullptr;
    void (*apply)(const Problem&, const Apply&, const Context&) = nullptr;
    void (*backward)(const Problem&, const Backward&, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t forward_workspace(const Problem&);
size_t backward_workspace(const Problem&);

// Throws where the activation is not one of the four or an operand's presence contradicts the problem.
void check(const Problem&, bool has_slope, bool has_before);
// Throws where sums stand beside `before`.
void check_sums(const Backward&);

}  // namespace purnet::batch_norm
