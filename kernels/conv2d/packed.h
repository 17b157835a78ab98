// A convolution prepared for inference: weights packed once, run many times, with everything that follows the sum in the same pass.
//
//     std::unique_ptr<PackedConv> conv = conv2d::table().get(&Kernels::pack, "pack", key)(problem, epilogue, weight, bias, context);
//     conv->run(x, before, after, y, workspace, context);        // workspace: conv->workspace() bytes, 64-byte aligned
//
//   v = convolution + bias;  v += before;  v = v > 0 ? v : slope * v;  v = min(v, top);  y = v + after
//
// before and after have the shape of y and the type of the key and are given exactly where the epilogue says so. The weights given to
// pack() may be released afterwards. One PackedConv may run in several threads at once, each with a workspace of its own. It belongs to the
// device, on the host to the instruction set and thread count, that it was packed under. Nothing may alias y.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/runtime/device.h"
#include "kernels/runtime/memory.h"

namespace purnet::conv2d {

struct Epilogue {
    float slope = 1;               // 1: no activation; 0: ReLU and ReLU6; else PReLU's slope
    float top = __builtin_inff();  // 6: ReLU6
    bool before = false, after = false;

    bool operator==(const Epilogue&) const = default;
};

// Several convolutions of one geometry as one launch: each its own operands, as PackedConv::run has them.
inline constexpr int most_merged = 3;

struct PackedOperands {
    const void *x, *before, *after;
    void* y;
};

class MergedConv {
public:
    virtual ~MergedConv() = default;
    // One for each of those that were merged, in their order.
    virtual void run(std::span<const PackedOperands> operands, void* workspace, const Context& context) const = 0;
    virtual size_t workspace() const = 0;
    virtual std::string method() const = 0;
    virtual std::string key() const = 0;  // conv2d_key.h: of the convolution for which choices take it
};

class PackedConv {
public:
    virtual ~PackedConv() = default;
    virtual void run(const void* x, const void* before, const void* after, void* y, void* workspace, const Context& context) const = 0;
    virtual size_t workspace() const = 0;
    virtual size_t bytes() const = 0;        // that the packed weights take
    virtual std::string method() const = 0;  // "gemm", "winograd 4x4", ...: for `info --plan`

    // All that pack() made of weights and bias, in an order of its own; none: this twin's cannot be kept. pack() without weights (null)
    // leaves them undefined, of the right sizes; who kept what they held puts it back, or other blocks in their place.
    virtual std::vector<Block*> memory() { return {}; }
    // How they are laid out: the same words, problem, epilogue, instruction set, threads and program mean the same layout.
    virtual std::string layout() const { return method(); }

    // Whether this twin computes both in one launch, each with the bits that it has alone but where a sum is cut into another number of
    // parts or the launch is done by another kernel. Of those that do so with one another, 2 to most_merged make a MergedConv, which keeps
    // them; the first of them makes it.
    virtual bool merges_with(const PackedConv&) const { return false; }
    virtual std::unique_ptr<MergedConv> merge(const std::vector<std::shared_ptr<const PackedConv>>&) const { return nullptr; }
};

}  // namespace purnet::conv2d
