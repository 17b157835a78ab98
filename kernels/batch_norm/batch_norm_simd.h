#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/runtime/isa.h"

namespace purnet::batch_norm {

// Rows x channels of a block; the vectors have `channels` elements.
struct ApplyBlock {
    Activation activation;
    int64_t rows, channels;
    const float *x, *before, *after;              // the last two may be null
    const float *gamma, *mean, *inverse, *shift;  // u = gamma ((x - mean) inverse) + shift
    float slope;
    float* y;
};

struct SumBlock {
    Activation activation;
    int64_t rows, channels;
    const float *x, *before, *dy;
    const float *mean, *inverse, *gamma, *beta;
    float slope;
    float* g;             // may be null: dy act'(u)
    float* dx;            // may be null: gamma inverse g
    double *sum, *sum_h;  // overwritten: sums of g and g h
    double* sum_slope;    // overwritten, prelu only: sums of dy min(u, 0)
};

struct GradientBlock {
    Activation activation;
    int64_t rows, channels;
    const float *x, *before, *dy;  // dy and before unread where g is given
    const float* g;                // may be null: computed anew
    const float *mean, *inverse, *gamma, *beta;
    float slope;
    const float *mean_g, *mean_gh;  // dbeta / rows, dgamma / rows
    float* dx;
};

PURNET_SIMD(void moments(const float* x, int64_t rows, int64_t channels, double* sum, double* square); void apply(const ApplyBlock& b);
            void sums(const SumBlock& b); void gradient(const GradientBlock& b);)

}  // namespace purnet::batch_norm
