// NVIDIA's libraries as ways of a convolution (conv2d_ways.h): thin, each call one launch or a few, on memory that is there.
#pragma once

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d::implicit {

enum class Library { none, cublaslt, cudnn };

std::string name_of(Library library);
// Bytes that a call of any of them is given.
inline constexpr size_t library_workspace = size_t{32} << 20;

// Those that are installed and made for this pass: cuBLASLt where it is one product of matrices (conv2d_column_major.h), else cuDNN
// (conv2d_strided.h). The first call opens the libraries.
std::vector<Library> libraries_for(const Problem& problem, Pass pass, DType type);
// Whether such a one has a kernel for it, found out once, which may take a second, and kept. Not while launches are recorded.
bool has_kernel(Library library, const Problem& problem, Pass pass, DType type);

// Launches it, as conv2d.h says, with nothing behind the sum. Forward: x and weight; data gradient: dy and weight; weight gradient: x and
// dy. False: not launched. Then an operand is not aligned to 16 bytes, or there is no kernel for it; or the library failed, which is said
// once, with its words, and it is asked for nothing any more.
bool run_by(Library library, const Problem& problem, Pass pass, DType type, const void* first, const void* second, void* result,
            void* workspace, const Context& context);
// Whether it failed before.
bool dropped(Library library);

}  // namespace purnet::conv2d::implicit
