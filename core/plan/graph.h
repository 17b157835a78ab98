// A network as a flat list of steps: what a Plan's passes rewrite.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/op.h"
#include "kernels/conv2d/packed.h"

namespace purnet {

struct Value {
    Shape shape;
    DType dtype = DType::f32;
    Tensor constant;  // weights and statistics; undefined for what is computed
    bool is_input = false;

    size_t bytes() const { return static_cast<size_t>(shape.count()) * size_of(dtype); }
};

// A convolution's packed weights, for packed_weights.h and merge.h. The step's function keeps the blocks.
struct Packed {
    std::shared_ptr<const conv2d::PackedConv> conv;  // where the step is its run() and nothing else
    int place = -1;    // among a plan's, in the order in which passes meet them; -1: nothing that could be kept
    std::string what;  // layout, then step and shape of the weights too: what they must be again
    conv2d::Epilogue epilogue;
    std::vector<Block*> blocks;
};

struct Step {
    std::string name;         // of the op, or of what was fused: "conv2d+batch_norm"
    std::string layer = {};   // whose op it is, of what was fused the convolution's; empty: no layer's
    std::vector<int> inputs;  // values; -1 where an optional operand is left out
    std::vector<int> outputs;
    WorkspaceBytes workspace = {};
    std::function<void(const Arguments&, const Context&)> run;
    std::any problem;
    std::string detail;        // for printing: what a pass chose
    std::string chosen = {};   // and what measuring had to say to it; empty: nothing, an estimate chose
    double multiply_adds = 0;  // of a convolution that a pass replaced; others: multiply_adds(step)
    size_t packed_bytes = 0;   // of weights that are no constants any more
    Packed packed = {};        // what can be kept of them
};

struct Graph {
    std::vector<Value> values;
    std::vector<Step> steps;
    std::vector<int> inputs;
    std::vector<int> outputs;

    int add_constant(Tensor tensor);
    // Steps that read the value, and whether the caller asked for it.
    int uses(int value) const;
    // The step that makes the value, or -1.
    int producer(int value) const;
};

using Network = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// Runs `network` once on symbolic inputs; nothing is computed. Tensors from elsewhere (weights) become constants,
// with memory or with absent values.
Graph trace(const std::vector<Tensor>& symbolic_inputs, const Network& network);

// Of convolutions, fused or not; transposed ones counted by their input's size. 0 for everything else.
double multiply_adds(const Step& step);

// Drops the steps that no output needs, and constants that nobody reads.
void drop_unused(Graph& graph);

}  // namespace purnet
