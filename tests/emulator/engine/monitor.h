// The access monitor: sees every memory access of a kernel, and names races, reads of uninitialised shared memory, accesses
// outside every array and misaligned ones; and counts what each access of a warp costs.
//
// The kernels of the build variant `monitored` are compiled with the compiler's ThreadSanitizer instrumentation, which calls
// a function at each access; here those functions are ours instead of the sanitizer's library (as the Linux kernel's KCSAN does it). So
// the order between threads is CUDA's: a block barrier orders all who meet at it, __syncwarp the lanes of its mask, a shuffle
// nothing; between blocks a fence before an atomic write and one after the atomic read that saw it. Nothing depends on the schedule
// but which of two racing accesses comes second, nothing is ever forgotten but readers beyond the eighth of a word, and blocks
// that ran one after the other are as unordered as if they had run side by side.
//
// The other variant gets empty functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/engine/fault.h"
#include "tests/emulator/engine/order.h"

namespace purnet::emulator {
struct Barrier;
struct Block;
struct Gathered;
struct Knowledge;
struct Thread;
struct Warp;
}  // namespace purnet::emulator

namespace purnet::emulator::monitor {

// What the accesses of one place in the source cost. A request is one access of one warp.
struct AccessCost {
    std::string where;  // if the ratio is above 1
    bool write = false, shared = false;
    uint64_t requests = 0;
    uint64_t units = 0;  // global: 32-byte sectors; shared: turns of the 32 banks
    uint64_t ideal = 0;  // the same if lanes lay side by side
    double ratio() const { return ideal ? static_cast<double>(units) / static_cast<double>(ideal) : 0; }
};

// A launch that was made and that nothing orders against the next one.
struct Beside {
    uint64_t launch;          // of launches()
    const std::string* what;  // op, shapes and layer
};

#ifdef PURNET_EMULATOR_MONITOR
inline constexpr bool present = true;

// Launches and transfers so far.
uint64_t launches();
// What the next one is, and what runs beside it: two accesses to one place, one of them a write, are a race. Null: the steps come one
// after the other.
void next_launch(const std::string* what, const std::vector<Beside>& beside);
// A copy, or a fill where `from` is null, as a launch of its own.
void transfer(const void* to, const void* from, size_t bytes);
void launch_begins();
void launch_ends();
void block_begins(Block& block);
void block_ends(Block& block);

// What a thread did before it arrived is ordered before what those who waited do after the barrier opened.
void barrier_arrives(Barrier& barrier, Thread& thread);
void barrier_opens(Barrier& barrier);
void warp_meets(Warp& warp, uint32_t lanes);
// A fence of the running thread, and its atomic accesses: a fence before a write and one after the read that saw it order.
void fence(Scope scope);
void atomic_read(const void* address, size_t bytes, Site site);
void atomic_write(const void* address, size_t bytes, Site site);

// Accesses that the engine makes for the running thread. landing: the second half of one that was counted at its issue.
void read(const void* address, size_t bytes, Site site);
void write(const void* address, size_t bytes, Site site, bool landing = false);
// Until the landing: reading these bytes is a missing wait.
void begins_to_change(const void* address, size_t bytes);

// Phases of mbarriers: what those who arrive did, and what the copy engine brought (its lane for that mbarrier), is known to
// who sees the phase ended.
void phase_arrives(std::shared_ptr<Gathered>& gathered, Thread& thread);
std::shared_ptr<const Knowledge> phase_ends(std::shared_ptr<Gathered>& gathered, const Block& block, unsigned lane, uint64_t phase);
void phase_seen(Thread& thread, const std::shared_ptr<const Knowledge>& ended);

// Accesses of the running thread through the async proxy: what threads wrote must have passed fence_async_proxy on the way. A
// write is a copy that begins; it lands, later, as the copy engine's.
void async_read(const void* address, size_t bytes, Site site);
void async_write(const void* address, size_t bytes, Site site);
void engine_lands(const Block& block, unsigned lane, uint64_t phase, const void* address, size_t bytes, Site site);
void fence_async_proxy();

// Memory that is watched: every tensor and shared array.
void* allocate(size_t bytes, size_t align, bool shared);
void free(void* memory);

// Counts the accesses of the launches in between.
void begin_counting();
std::vector<AccessCost> end_counting();
#else
inline constexpr bool present = false;
inline uint64_t launches() { return 0; }
inline void next_launch(const std::string*, const std::vector<Beside>&) {}
inline void transfer(const void*, const void*, size_t) {}
inline void launch_begins() {}
inline void launch_ends() {}
inline void block_begins(Block&) {}
inline void block_ends(Block&) {}
inline void barrier_arrives(Barrier&, Thread&) {}
inline void barrier_opens(Barrier&) {}
inline void warp_meets(Warp&, uint32_t) {}
inline void fence(Scope) {}
inline void atomic_read(const void*, size_t, Site) {}
inline void atomic_write(const void*, size_t, Site) {}
inline void read(const void*, size_t, Site) {}
inline void write(const void*, size_t, Site, bool = false) {}
inline void begins_to_change(const void*, size_t) {}
inline void phase_arrives(std::shared_ptr<Gathered>&, Thread&) {}
inline std::shared_ptr<const Knowledge> phase_ends(std::shared_ptr<Gathered>&, const Block&, unsigned, uint64_t) { return {}; }
inline void phase_seen(Thread&, const std::shared_ptr<const Knowledge>&) {}
inline void async_read(const void*, size_t, Site) {}
inline void async_write(const void*, size_t, Site) {}
inline void engine_lands(const Block&, unsigned, uint64_t, const void*, size_t, Site) {}
inline void fence_async_proxy() {}
#endif

}  // namespace purnet::emulator::monitor
