#include "core/plan/packed_weights.h"

#include <algorithm>
#include <cstring>

namespace purnet {
namespace {

std::string description(const Value& constant) { return concat("constant; ", name_of(constant.dtype), " ", constant.shape); }

}  // namespace

PackedWeights packed_weights(const Graph& graph) {
    std::vector<const Step*> packed;
    for (const Step& step : graph.steps)
        if (step.packed.place >= 0) packed.push_back(&step);
    std::sort(packed.begin(), packed.end(), [](const Step* a, const Step* b) { return a->packed.place < b->packed.place; });
    PackedWeights list;
    for (const Step* step : packed) {
        if (step->packed.blocks.empty() || step->packed.place != static_cast<int>(list.size())) return {};
        list.push_back({step->packed.what, step->packed.epilogue.slope, step->packed.epilogue.top, {}});
        for (const Block* block : step->packed.blocks)
            list.back().blocks.emplace_back(static_cast<const std::byte*>(block->data()), block->bytes());
    }
    for (const Value& v : graph.values) {
        if (!v.constant) continue;
        if (!v.constant.device().on_host()) return {};
        list.push_back({description(v), 1, __builtin_inff(), {{static_cast<const std::byte*>(v.constant.raw()), v.bytes()}}});
    }
    return list;
}

const PackedEntry& entry_at(const PackedWeights& kept, int place) {
    require(static_cast<size_t>(place) < kept.size(), "packed weights of another plan: they end after ", kept.size(), " entries");
    return kept[static_cast<size_t>(place)];
}

void restore(Step& step, const PackedEntry& kept) {
    const auto fits = [](const Block* block, PackedEntry::Bytes bytes) { return block->bytes() == bytes.size(); };
    require(kept.what == step.packed.what && !kept.blocks.empty() &&
                std::equal(step.packed.blocks.begin(), step.packed.blocks.end(), kept.blocks.begin(), kept.blocks.end(), fits),
            "packed weights of another plan: \"", kept.what, "\" where this one has \"", step.packed.what, "\"");
    for (size_t i = 0; i < kept.blocks.size(); ++i) *step.packed.blocks[i] = Block::borrowed(kept.blocks[i].data(), kept.blocks[i].size());
}

void restore_constants(Graph& graph, const PackedWeights& kept, int first) {
    int place = first;
    for (Value& v : graph.values) {
        if (!v.constant) continue;
        const PackedEntry& entry = entry_at(kept, place++);
        require(entry.what == description(v) && entry.blocks.size() == 1 && entry.blocks[0].size() == v.bytes(),
                "packed weights of another plan: \"", entry.what, "\" where this one has \"", description(v), "\"");
        v.constant = Tensor::empty(v.shape, v.dtype);  // small ones: what is large are convolutions' weights
        std::memcpy(v.constant.raw(), entry.blocks[0].data(), v.bytes());
    }
    require(static_cast<size_t>(place) == kept.size(), "packed weights of another plan: ", kept.size(), " entries, this one has ", place);
}

}  // namespace purnet
