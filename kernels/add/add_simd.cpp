#include "kernels/add/add_simd.h"

namespace purnet::add::PURNET_ISA_NAME {

void add_range(const float* a, const float* b, float* y, long count) {
#pragma omp simd
    for (long i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

}  // namespace purnet::add::PURNET_ISA_NAME
