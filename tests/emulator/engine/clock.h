// Who knows of whom: the order between the threads of a launch, as vector clocks.
//
// Every thread numbers its stretches between synchronisations (epochs). A thread knows, for each other thread, the last epoch
// that is ordered before now; an access of thread u in epoch e is ordered before thread t if t knows u up to e at least. Most
// threads of a block know the same (what the last barrier told all), so that is kept once and shared; what __syncwarp adds is
// kept per warp, what came from other blocks by block.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/order.h"

namespace purnet::emulator {

using Epochs = std::vector<uint32_t>;  // by thread of a block; then, by mbarrier, the copies of the block's copy engine
using Others = std::map<uint32_t, std::shared_ptr<const Epochs>>;

struct Knowledge {
    Epochs threads;                        // of the own block
    std::shared_ptr<const Others> others;  // of other blocks
};

// What a thread knew at a fence, itself included.
struct Snapshot {
    uint32_t block;
    Scope scope;
    std::shared_ptr<const Epochs> threads;
    std::shared_ptr<const Others> others;
};
using Snapshots = std::vector<std::shared_ptr<const Snapshot>>;

// A fence between the proxies: what a thread knew then, in its epoch `at`.
struct ProxyFence {
    uint32_t at;
    Epochs known;
};

// One counted access.
struct Counted {
    const void* address;
    uint32_t place;
    uint16_t bytes;
    bool write;
};

struct ThreadClock {
    uint32_t own = 1;
    uint32_t warp[32] = {};  // of the own warp's lanes, at least what `known` says
    std::shared_ptr<const Knowledge> known;
    std::shared_ptr<const Snapshot> fence;  // at the last fence: what an atomic write hands on
    Snapshots seen;                         // what atomic reads saw: known from the next fence on
    std::vector<ProxyFence> proxy_fences;   // those of this thread, in order
    std::vector<Counted> counted;
};

// What a barrier or an mbarrier phase gathers from those who arrive.
struct Gathered {
    Knowledge all;
    const Knowledge* last = nullptr;
};

namespace order {
bool known_to(const Thread& thread, uint32_t block, uint32_t of_thread, uint32_t epoch);
void begin(Thread& thread);
// Everything the thread did and knows goes into `gathered`; a new epoch begins.
void give(Thread& thread, Gathered& gathered);
void take(Thread& thread, const std::shared_ptr<const Knowledge>& all);
void meet(Warp& warp, uint32_t lanes);
void fence(Thread& thread, Scope scope);
void fence_proxy(Thread& thread);
// Did a proxy fence lie on a way from that epoch of a thread of the own block to now?
bool passed_proxy_fence(const Thread& thread, uint32_t of_thread, uint32_t epoch);
}  // namespace order

}  // namespace purnet::emulator
