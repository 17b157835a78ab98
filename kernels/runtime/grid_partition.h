// How a sum is cut into the blocks of a CUDA grid: a function of the problem alone, so that the same sum has the same bits on
// every device. Contracts use it to size their workspace, CUDA twins to launch.
#pragma once

#include <algorithm>
#include <cstdint>

namespace purnet {

// Blocks for a sum over `count` elements: four on each of 132 multiprocessors, fewer where a block would get less than 4096.
inline int64_t grid_blocks(int64_t count) { return std::clamp<int64_t>(count / 4096, 1, 528); }

// Sums over `rows` of each of `columns` neighbouring columns, in `groups` independent groups: into how many chunks the rows of a
// group are cut, so that chunks x tiles of 64 columns x groups are about 528 blocks and a chunk has at least 32 rows.
inline int64_t row_chunks(int64_t rows, int64_t columns, int64_t groups = 1) {
    const int64_t tiles = (columns + 63) / 64 * std::max<int64_t>(groups, 1);
    return std::clamp<int64_t>(rows / 32, 1, std::max<int64_t>(528 / std::max<int64_t>(tiles, 1), 1));
}

}  // namespace purnet
