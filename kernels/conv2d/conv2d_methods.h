// The ways in which the CPU computes a convolution, and which one serves which problem.
#pragma once

#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/gemm.h"

namespace purnet::conv2d {

enum class Method {
    plain,      // conv2d_plain.h: channels too few for a matrix product
    depthwise,  // conv2d_depthwise.h
    gemm,       // conv2d_gemm.h, weight gradients conv2d_wgrad.h
    winograd2,  // kernels/winograd with tiles of 2 x 2
    winograd3,  // of 3 x 3: data gradient of 4x4 kernels and stride 2
    winograd4,  // of 4 x 4
    library,    // conv2d_onednn.h
};

const char* name_of(Method method);

// A pure function of the problem, the instruction set and what the library has.
Method method_for(const Problem& problem, Pass pass);
// The same without the library, which is asked for nothing.
Method own_method_for(const Problem& problem, Pass pass);
// Those that can compute a forward or data gradient whose products are worth a choice, with packed weights; else own_method_for()'s
// alone.
std::vector<Method> packable_methods(const Problem& problem, Pass pass);

// The side of the tiles with which method_for() has the CPU compute a pass by Winograd's algorithm; 0: it does not. And what makes
// weights of integers transform into integers.
int64_t winograd_tile(const Problem& problem, Pass pass);
int64_t winograd_multiple(const Problem& problem, Pass pass);

// Weight gradient; Method::library has its own.
size_t backward_weights_scratch_bytes(Method method, const Problem& problem);
void backward_weights(Method method, const Problem& problem, const float* x, const float* dy, float* dweight, float* scratch);

// Forward or data gradient with weights packed for it. pack() writes packed_bytes; run() needs scratch_bytes besides.
// Method::plain packs nothing and keeps the weights as they are; Method::library has no part in this.
size_t packed_bytes(Method method, const Problem& problem, Pass pass);
size_t scratch_bytes(Method method, const Problem& problem, Pass pass);
void pack(Method method, const Problem& problem, Pass pass, const float* weight, float* packed);
void run(Method method, const Problem& problem, Pass pass, const float* source, const float* packed, const gemm::Finish& finish, float* out,
         float* scratch);

// One pass of a problem as a PackedConv: Pass::backward_data serves the transposed convolution.
std::unique_ptr<PackedConv> make_packed(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight,
                                        const float* bias);

}  // namespace purnet::conv2d
