#include "tests/emulator/engine/counters.h"

#include "tests/emulator/engine/monitor.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <algorithm>
#include <map>
#include <set>

#include "tests/emulator/engine/clock.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/shadow.h"

namespace purnet::emulator::monitor {
namespace {

bool on = false;
// A place and whether it writes: an asynchronous copy does both.
using Key = std::pair<uint32_t, bool>;
std::map<Key, AccessCost>& costs() {
    static auto* all = new std::map<Key, AccessCost>;
    return *all;
}

struct Array {
    uintptr_t end;
    Moved moved;
};
std::map<uintptr_t, Array>& arrays() {  // by their begin
    static auto* all = new std::map<uintptr_t, Array>;
    return *all;
}

// Each is looked for once: that takes long.
const std::string& described(uint32_t place) {
    static auto* known = new std::map<uint32_t, std::string>;
    const auto [at, fresh] = known->try_emplace(place);
    if (fresh) at->second = describe_place(place);
    return at->second;
}

// Lanes of one warp that make the same access in the same round.
using Request = std::vector<Counted>;

void count_global(const Request& request, AccessCost& cost) {
    std::set<uintptr_t> sectors;
    std::set<uintptr_t> bytes;
    for (const Counted& c : request) {
        const auto at = reinterpret_cast<uintptr_t>(c.address);
        for (uintptr_t sector = at / 32; sector <= (at + c.bytes - 1) / 32; ++sector) sectors.insert(sector);
        for (uintptr_t b = at; b < at + c.bytes; ++b) bytes.insert(b);
    }
    cost.units += sectors.size();
    for (const uintptr_t sector : sectors) {
        const auto behind = arrays().upper_bound(sector * 32);
        if (behind == arrays().begin()) continue;
        Array& array = std::prev(behind)->second;
        if (sector * 32 < array.end) ++(cost.write ? array.moved.written : array.moved.read);
    }
    cost.ideal += (bytes.size() + 31) / 32;
}

// Shared memory serves 128 bytes a turn: 32 lanes of 4 bytes, 16 of 8, 8 of 16. In a turn each of the 32 banks gives one word,
// to however many lanes ask for it.
void count_shared(const Request& request, AccessCost& cost) {
    const size_t lanes_a_turn = request.front().bytes > 8 ? 8 : request.front().bytes > 4 ? 16 : 32;
    for (size_t first = 0; first < request.size(); first += lanes_a_turn) {
        std::set<uintptr_t> words[32];
        for (size_t i = first; i < std::min(first + lanes_a_turn, request.size()); ++i) {
            const auto at = reinterpret_cast<uintptr_t>(request[i].address);
            for (uintptr_t word = at / 4; word <= (at + request[i].bytes - 1) / 4; ++word) words[word % 32].insert(word);
        }
        size_t turns = 0;
        for (const auto& bank : words) turns = std::max(turns, bank.size());
        cost.units += turns;
        cost.ideal += 1;
    }
}

void count_warp(const Warp& warp) {
    // The k-th time that a lane passes a place belongs to the k-th time of the others.
    std::map<std::pair<Key, uint32_t>, Request> requests;
    for (Thread* thread : warp.lanes) {
        if (!thread) continue;
        std::map<Key, uint32_t> round;
        for (const Counted& c : thread->clock->counted) {
            const Key key{c.place, c.write};
            requests[{key, round[key]++}].push_back(c);
        }
    }
    for (const auto& [key, request] : requests) {
        AccessCost& cost = costs()[key.first];
        cost.write = request.front().write;
        cost.shared = shadow::is_shared(request.front().address);
        ++cost.requests;
        cost.shared ? count_shared(request, cost) : count_global(request, cost);
    }
}

}  // namespace

bool counting() { return on; }

void count_block(Block& block) {
    for (const Warp& warp : block.warps) count_warp(warp);
}

void begin_counting() {
    costs().clear();
    arrays().clear();
    on = true;
}

void count_array(const void* begin, size_t bytes) {
    const auto at = reinterpret_cast<uintptr_t>(begin);
    arrays()[at] = {at + bytes, {}};
}

Moved moved_of(const void* begin) { return arrays().at(reinterpret_cast<uintptr_t>(begin)).moved; }

std::vector<AccessCost> end_counting() {
    on = false;
    std::vector<AccessCost> result;
    for (auto& [key, cost] : costs()) {
        if (cost.ratio() > 1) cost.where = described(key.first);
        result.push_back(cost);
    }
    return result;
}

}  // namespace purnet::emulator::monitor
#endif
