#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::structural {

// Per region; sums first, means later.
struct Regions {
    int64_t count;
    double *p, *q, *g, *h;
    double* pixels;
    double* gradient;  // dKL/dP
};

PURNET_SIMD(void region_sums(bool second_sigmoid, const float* z, const float* g, const int32_t* labels, int64_t pixels, const Regions& r);
            // Returns n^2 KL and writes n^2 dKL/dP into r.gradient.
            double pairs(const Regions& r);
            // dz_i = gradient of its region times dm/dz; the region's gradient has every other factor in it.
            void pixel_gradient(bool second_sigmoid, const float* z, const int32_t* labels, const double* gradient, int64_t pixels,
                                float* dz);)

}  // namespace purnet::structural
