// The monitor's view of memory: for every word of four bytes, who touched it last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace purnet::emulator::shadow {

// One remembered access: who, when, which bytes of the word, and where in the source.
struct Access {
    uint64_t launch : 12 = 0;
    uint64_t block : 18 = 0;
    uint64_t thread : 11 = 0;
    uint64_t epoch : 16 = 0;
    uint64_t bytes : 4 = 0;
    uint64_t write : 1 = 0;
    uint64_t atomic : 1 = 0;
    uint64_t engine : 1 = 0;  // made through the async proxy
};
static_assert(sizeof(Access) == 8);

struct Word {
    static constexpr int slots = 8;
    Access access[slots];
    uint32_t place[slots];  // see place_of in monitor.cpp
};

// Per word: which of its bytes are part of an allocation, which have been written, and to which an asynchronous copy is
// under way.
struct State {
    uint16_t valid : 4;
    uint16_t written : 4;
    uint16_t pending : 4;
};

// Memory whose accesses are watched lies in one reserved range; Word and State are found by the offset in it.
void* allocate(size_t bytes, size_t align, bool shared);
void free(void* memory);
bool watched(const void* address);
bool is_shared(const void* address);  // within an allocation of shared memory
Word& word(const void* address);
State& state(const void* address);
// Forgets every access.
void forget();

}  // namespace purnet::emulator::shadow
