// Convolution and transposed convolution in 8 bits, for inference: pictures as unsigned bytes, weights as signed ones, exact sums.
//
//   real value = scale * (byte - zero)                     of a whole picture (Quantisation)
//   weight[o,...] ~ s_o * integer,  s_o = float32(largest |weight[o,...]| / 127), integer nearest (ties away from 0), of each output
//   channel v = s_x s_o * (sum of integer * (x - zero)) + bias[o]; then packed.h's epilogue: before, activation, after y = v in float32
//   and, or, y8 = v / scale_y + zero_y, rounded to the nearest (ties to even) of 0 .. 255
//
// x outside the picture is the real 0, so the byte `zero`. Shapes are those of conv2d.h (Pass::forward) and, for Pass::backward_data, of
// a transposed convolution that is the data gradient of `problem`: x has y's shape and the other way round. groups = 1; the channels of
// x times the kernel's taps at most gemm::most_depth.
// FLOP: as the float32 convolution, 4 to an instruction's lane where the CPU has VNNI. Bytes: x, weight and y8 a quarter of float32's.
// Source of the scheme: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
// CVPR 2018, section 2 (here with a scale for each output channel).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_sweep.h"
#include "kernels/gemm/gemm_int8.h"
#include "kernels/runtime/memory.h"

namespace purnet::conv2d {

struct Quantisation {
    float scale = 1;
    int zero = 0;  // 0 .. 255: 0 itself is exact

    // That holds low .. high (and 0) in 255 steps. A range without extent, or not finite, throws.
    static Quantisation of_range(double low, double high);
    bool operator==(const Quantisation&) const = default;
};

// Whether a convolution of these sizes can run in 8 bits.
bool can_quantise(const Problem& problem, Pass pass);

class Int8Conv {
public:
    struct Outputs {
        bool real = true;                   // y
        std::optional<Quantisation> bytes;  // y8
    };
    // weight and bias (may be null) are those of packed.h and may be released afterwards. Without weight: see PackedConv::memory.
    Int8Conv(const Problem& problem, Pass pass, const Epilogue& epilogue, const Quantisation& x, const Outputs& outputs,
             const float* weight, const float* bias, gemm::Form8 form = gemm::best_form8());

    // y and y8 are given exactly where the outputs say so. workspace: workspace() bytes, 64-byte aligned.
    void run(const uint8_t* x, const float* before, const float* after, float* y, uint8_t* y8, void* workspace) const;
    size_t workspace() const;
    std::vector<Block*> memory() { return {&packed_, &scale_, &bias_, &start_}; }
    std::string layout() const;
    size_t bytes() const { return packed_.bytes() + scale_.bytes() + bias_.bytes() + start_.bytes(); }

private:
    void pack(const Problem& problem, Pass pass, const float* weight, const float* bias);

    // A run allocates nothing but what OpenMP does: all that it derives from the problem is here.
    struct Part {
        Sweep sweep;
        std::vector<Piece> pieces;  // that a row gathers
        Split split;                // among the threads
        int64_t packed_at = 0;      // bytes from the start of B
    };
    std::vector<Part> parts_;
    Epilogue epilogue_;
    Quantisation x_;
    Outputs outputs_;
    gemm::Form8 form_;
    Isa isa_;
    int threads_;
    Block packed_, scale_, bias_;
    Block start_;  // of each sweep and output channel: less zero times the sum of its weights, where A holds plain bytes
};

}  // namespace purnet::conv2d
