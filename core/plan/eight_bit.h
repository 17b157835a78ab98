// Which convolutions of a graph run in 8 bits: those whose input's range is known, whose sizes allow it and that have channels enough to
// gain from it; without VNNI, none that float32 does by Winograd's algorithm. The bytes between them: narrow.h. Such a convolution writes
// bytes, float32 or both in one pass.
#pragma once

#include <map>

#include "core/plan/narrow.h"
#include "kernels/conv2d/conv2d_int8.h"

namespace purnet {

class EightBit final : public Narrow {
public:
    EightBit(const Graph& graph, const Ranges& ranges);

    bool runs(const Graph& graph, const Step& convolution) const override;
    Step step(Graph& graph, const Fusion& fusion) override;

private:
    Step conversion(const Graph& graph, int value) const override;

    const Ranges& ranges_;
    std::map<int, conv2d::Quantisation> read_;  // how values that exist as bytes are written
};

}  // namespace purnet
