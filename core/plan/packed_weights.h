// What a plan made of a network's weights, as a list that can be kept and given to an equal plan later, which then needs no weights: the
// network is traced with names and shapes alone (Values::absent), and nothing is folded or packed.
//
// Entries: each convolution that was packed, in the order in which the passes meet them; then each constant that is left, by value. An
// entry names what it belongs to; a plan that does not meet the same things in the same order refuses the list. Batches of any size share
// one where they take the same methods. Instruction set, threads and program decide about the layout too: whoever keeps a list says under
// which it was made (core/plan/packed_file.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/plan/graph.h"

namespace purnet {

struct PackedEntry {
    using Bytes = std::span<const std::byte>;

    std::string what;                         // step, layout and the weights' shape
    float slope = 1, top = __builtin_inff();  // of a convolution's epilogue
    std::vector<Bytes> blocks;
};
using PackedWeights = std::vector<PackedEntry>;

// Of a graph after its passes; the graph keeps the memory. Empty where something in it cannot be kept: a twin that has no list of its
// memory, or memory of a device.
PackedWeights packed_weights(const Graph& graph);

// An entry whose step is being made. Error: the list is that of another plan.
const PackedEntry& entry_at(const PackedWeights& kept, int place);
// Puts an entry's memory, which is kept longer than the step, in the place of what the step has allocated. Error: it is another's.
void restore(Step& step, const PackedEntry& kept);
// The values of constants that have none. first: the place of the first of them, so the number of packed convolutions.
void restore_constants(Graph& graph, const PackedWeights& kept, int first);

}  // namespace purnet
