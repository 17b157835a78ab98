// Which convolutions of a graph run in bf16: those with 16 channels and more on both sides whose sizes the library can do; without AMX,
// none that float32 does by Winograd's algorithm. Sums stay in
// float32, and so do the operands that an epilogue adds. A result that such convolutions alone read is written in bf16; one that others
// read too is written in float32 and rounded behind (narrow.h).
#pragma once

#include "core/plan/narrow.h"

namespace purnet {

class SixteenBit final : public Narrow {
public:
    // Throws where the machine has no bf16 (conv2d_bf16.h).
    explicit SixteenBit(const Graph& graph);

    bool runs(const Graph& graph, const Step& convolution) const override;
    Step step(Graph& graph, const Fusion& fusion) override;

private:
    Step conversion(const Graph& graph, int value) const override;
};

}  // namespace purnet
