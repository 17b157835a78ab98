#include "core/plan/arena.h"

#include <algorithm>
#include <numeric>

namespace purnet {

size_t place(std::vector<Piece>& pieces, const std::function<bool(size_t, size_t)>& together) {
    constexpr size_t alignment = 256;
    std::vector<size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return pieces[a].bytes > pieces[b].bytes; });
    std::vector<size_t> placed;
    size_t total = 0;
    for (size_t index : order) {
        Piece& piece = pieces[index];
        std::vector<const Piece*> rivals;
        for (size_t other : placed)
            if (together(other, index)) rivals.push_back(&pieces[other]);
        std::sort(rivals.begin(), rivals.end(), [](const Piece* a, const Piece* b) { return a->offset < b->offset; });
        size_t at = 0;
        for (const Piece* rival : rivals) {
            if (at + piece.bytes <= rival->offset) break;
            at = std::max(at, (rival->offset + rival->bytes + alignment - 1) / alignment * alignment);
        }
        piece.offset = at;
        total = std::max(total, at + piece.bytes);
        placed.push_back(index);
    }
    return total;
}

}  // namespace purnet
