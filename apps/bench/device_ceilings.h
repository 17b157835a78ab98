// What a CUDA device can do at most, measured in the same run as the figures that are held against it.
#pragma once

#include <string>

#include "kernels/ceiling/ceiling.h"
#include "kernels/runtime/table.h"

namespace purnet::bench {

struct DeviceCeilings {
    // gflops: of a product of two matrices of 8192 x 8192, by the fastest there is, cuBLASLt where it is installed. gbytes: of a copy of
    // 512 MiB, read and written.
    ceiling::Ceilings ceilings;
    std::string product;  // "ceiling of products by cublasLt"
};

// Of the device that this process computes on. Forgets what choices (kernels/runtime/choices.h) know.
DeviceCeilings measure_device(Key key);

}  // namespace purnet::bench
