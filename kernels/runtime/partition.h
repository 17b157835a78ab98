// A loop cut into blocks by the problem alone: the partial sums of the blocks, combined in order, give the same bits for any
// number of threads and any load.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/runtime/parallel.h"

namespace purnet {

struct Partition {
    int64_t count = 0;
    int64_t blocks = 1;

    int64_t begin(int64_t block) const { return count * block / blocks; }
    int64_t end(int64_t block) const { return count * (block + 1) / blocks; }
};

// Blocks of at least `grain` indices, at most `limit` of them.
inline Partition partition(int64_t count, int64_t grain, int64_t limit = 32) {
    return {count, std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, limit)};
}

// Calls body(block, begin, end) for every block, in parallel.
template <class Body>
void for_blocks(const Partition& p, Body&& body) {
    parallel_for(p.blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t b = first; b < last; ++b) body(b, p.begin(b), p.end(b));
    });
}

// Rows of `width` elements: blocks of at least 16384 elements.
inline Partition partition_rows(int64_t rows, int64_t width, int64_t limit = 32) {
    return partition(rows, (16384 + width - 1) / std::max<int64_t>(width, 1), limit);
}

}  // namespace purnet
