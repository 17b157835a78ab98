// Places pieces of memory in one arena.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace purnet {

struct Piece {
    size_t bytes = 0;
    size_t offset = 0;  // result, a multiple of 256
};

// Sets the offsets so that pieces that may be in use together, which together(a, b) says of two numbers, never overlap; largest first, each
// at the lowest place that is free. Returns the arena's size.
size_t place(std::vector<Piece>& pieces, const std::function<bool(size_t, size_t)>& together);

}  // namespace purnet
