// Which convolutions of a graph run in 8 bits, and the bytes that pass between them.
//
// A convolution runs so where its input's range is known, its sizes allow it and it has channels enough to gain from it. A value that such
// convolutions read exists as bytes; where anything else reads it too (sums, attention, outputs), also in float32. Its maker writes what
// is wanted in one pass when it is such a convolution itself; else a quantise step follows the maker.
#pragma once

#include <map>
#include <optional>

#include "core/plan/graph.h"
#include "core/plan/ranges.h"
#include "kernels/conv2d/conv2d_int8.h"

namespace purnet {

class EightBit {
public:
    // Looks at a traced graph before anything is fused in it. ranges null: nothing runs in 8 bits.
    EightBit(const Graph& graph, const Ranges* ranges);

    // Whether this convolution, not yet fused, runs in 8 bits.
    bool runs(const Graph& graph, const Step& convolution) const;
    // The fused step: reads x's bytes and, where they are not -1, `before` and `after`, writes what is wanted of `output`.
    Step step(Graph& graph, const conv2d::Problem& problem, conv2d::Pass pass, const conv2d::Epilogue& epilogue,
              const std::vector<float>& weight, const std::vector<float>& bias, int x, int before, int after, int output);
    // Bytes that no convolution writes are made behind their maker. After every convolution was replaced.
    void add_quantise_steps(Graph& graph);

private:
    int bytes_of(Graph& graph, int value);

    const Ranges* ranges_;
    std::map<int, conv2d::Quantisation> read_;  // values that exist as bytes
    std::map<int, bool> real_;                  // of those: whether float32 is wanted too
    std::map<int, int> bytes_;                  // value -> its bytes
};

}  // namespace purnet
