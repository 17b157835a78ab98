// What the passes of this room share: the tiles of a problem, and strides that spread over the sets of the caches.
#pragma once

#include <vector>

#include "kernels/runtime/isa.h"
#include "kernels/winograd/winograd.h"
#include "kernels/winograd/winograd_simd.h"

namespace purnet::winograd {

constexpr int64_t line = 16;  // floats of a cache line

inline int64_t lines(int64_t floats) { return (floats + line - 1) / line * line; }

// An odd number of cache lines from one to the next: those of one tile then fall into different sets of the caches.
inline int64_t apart(int64_t floats) {
    const int64_t n = lines(floats);
    return n / line % 2 ? n : n + line;
}

inline bool doubling(const Problem& p) { return p.tile == 3; }

inline int64_t positions(const Problem& p) { return p.tile == 4 ? 36 : 16; }

// Cycles that the transforms take by estimate: 3.5 operations a value of the transformed tiles of `channels` channels, in vectors.
inline double transform_cycles(const Problem& p, double tiles, double channels) {
    const double lanes = isa() == Isa::avx512 ? 16 : isa() == Isa::avx2 ? 8 : 4;
    return tiles * static_cast<double>(positions(p)) * 3.5 * channels / lanes;
}

std::vector<Tile> tiles_of(const Problem& problem);
int64_t tile_count(const Problem& problem);

}  // namespace purnet::winograd
