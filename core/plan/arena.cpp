#include "core/plan/arena.h"

#include <algorithm>
#include <numeric>

namespace purnet {

size_t place(std::vector<Lifetime>& blocks) {
    constexpr size_t alignment = 256;
    std::vector<size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
    std::vector<size_t> placed;
    size_t total = 0;
    for (size_t index : order) {
        Lifetime& block = blocks[index];
        std::vector<const Lifetime*> rivals;
        for (size_t other : placed)
            if (blocks[other].first <= block.last && block.first <= blocks[other].last) rivals.push_back(&blocks[other]);
        std::sort(rivals.begin(), rivals.end(), [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; });
        size_t at = 0;
        for (const Lifetime* rival : rivals) {
            if (at + block.bytes <= rival->offset) break;
            at = std::max(at, (rival->offset + rival->bytes + alignment - 1) / alignment * alignment);
        }
        block.offset = at;
        total = std::max(total, at + block.bytes);
        placed.push_back(index);
    }
    return total;
}

}  // namespace purnet
