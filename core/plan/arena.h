// Places blocks of known lifetime in one arena.
#pragma once

#include <cstddef>
#include <vector>

namespace purnet {

struct Lifetime {
    size_t bytes = 0;
    int first = 0;      // step that writes it
    int last = 0;       // last step that reads it
    size_t offset = 0;  // result, a multiple of 256
};

// Sets the offsets so that blocks alive at the same step never overlap, largest first, each at the lowest place that is
// free for its whole life. Returns the arena's size.
size_t place(std::vector<Lifetime>& blocks);

}  // namespace purnet
