// Large blocks of host memory in one stretch of addresses, so that what is freed in one size serves another: neighbouring holes join,
// and a block takes the smallest hole that holds it, with pages if there is one, at its beginning. Training asks for other sizes going
// forward than going back; a cache by size would hold both.
//
// Addresses are reserved once, and become memory as the blocks grow into them; holes keep their pages until give_back(). Pages are huge
// where the system lets them: weights and maps are read from end to end, and a translation for every 4 KiB is what that waits for.
// The system is asked for memory it can refuse: what it promises counts where it keeps count (vm.overcommit_memory).
// Not thread-safe: the allocator's lock (kernels/runtime/memory.cpp) guards it.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace purnet {

class Arena {
public:
    struct Taken {
        void* data = nullptr;  // null: no hole holds it, and the system or the reserved addresses have no more
        bool fresh = false;    // nothing but zeros, without pages yet
    };

    // Of at most `bytes`; less where the system reserves less, nothing where it reserves not even 64 MiB: take() then yields null.
    explicit Arena(size_t bytes);
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    Taken take(size_t bytes);
    bool owns(const void* data) const;
    // A block as it was taken. std::bad_alloc: it is lost to the arena, which goes on.
    void put_back(void* data, size_t bytes);
    // Whether a hole with pages, at least of half of it, holds a block.
    bool keeps(size_t bytes) const;
    // Bytes of holes that may have pages.
    size_t kept() const { return kept_; }
    void give_back();

    // Blocks begin and end at multiples of it.
    static constexpr size_t grain = size_t{64} << 10;

private:
    struct Hole {
        size_t bytes;
        size_t used;  // that may have pages, wherever in it
        bool mostly_used() const { return 2 * used >= bytes; }
    };
    using Holes = std::map<size_t, Hole>;  // by offset

    Holes::iterator hole_at_top();  // end() where a block lies before top_
    void add(size_t offset, Hole hole);
    Hole remove(Holes::iterator hole);
    bool grow(size_t end);
    bool unlock(size_t end);

    char* base_ = nullptr;
    size_t reserved_ = 0, usable_ = 0;  // offsets below usable_ may be read and written
    size_t top_ = 0;                    // nothing at or behind it was ever taken
    size_t kept_ = 0;
    Holes holes_;                                     // below top_, no two side by side
    std::set<std::pair<size_t, size_t>> by_size_[2];  // bytes, offset; the first ones are mostly used
};

}  // namespace purnet
