#include "tests/emulator/engine/mbarrier.h"

#include <algorithm>
#include <cstring>

#include "tests/emulator/engine/async.h"
#include "tests/emulator/engine/block_async.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {
namespace {

constexpr uint64_t mark = 0x9d6b61727269e572ull;  // what an mbarrier's memory holds; kernels have no business in it
constexpr int64_t most_bytes = (1 << 20) - 1;
constexpr unsigned most_arrivals = (1u << 20) - 1;

std::string state_of(const Mbarrier& b) {
    return concat("mbarrier at shared address ", b.address, ", made at ", b.site.text(), ": phase ", b.phase, ", ", b.pending, " of ",
                  b.arrivals, " arrivals and ", b.bytes, " bytes are missing");
}

void end_phase_if_due(BlockAsync& block, Mbarrier& b, Site site) {
    if (b.pending > 0) return;
    if (b.bytes < 0) raise_at(FaultKind::wrong_count, site, concat("copies brought more bytes than were announced; ", state_of(b)));
    if (b.bytes > 0) return;
    for (const BulkCopy& copy : block.copies)
        if (copy.barrier == b.address && copy.phase == b.phase)
            raise_at(FaultKind::wrong_count, site,
                     concat("a phase ends while a copy of it is still under way (", copy.site.text(),
                            "): fewer bytes were announced than are copied; ", state_of(b)));
    b.ended = monitor::phase_ends(b.gathered, *block.block, b.lane, b.phase);
    ++b.phase;
    b.pending = b.arrivals;
    if (!b.waiting.empty()) b.seen = static_cast<int64_t>(b.phase) - 1;
    for (const Mbarrier::Waiter& waiter : b.waiting) {
        monitor::phase_seen(*waiter.thread, b.ended);
        wake(waiter.thread);
    }
    b.waiting.clear();
}

}  // namespace

void mbarrier_init(uint32_t address, unsigned arrivals, Site site) {
    BlockAsync& block = block_async();
    if (address % 8) raise_at(FaultKind::misaligned, site, concat("an mbarrier at shared address ", address, ": no multiple of 8"));
    if (arrivals == 0 || arrivals > most_arrivals)
        raise_at(FaultKind::wrong_count, site, concat("an mbarrier of ", arrivals, " arrivals: 1 to ", most_arrivals, " exist"));
    if (block.barriers.count(address))
        raise_at(FaultKind::unsupported, site, concat("a second init without an inval; ", state_of(block.barriers[address])));
    if (block.lanes_given == engine_lanes)
        raise_at(FaultKind::unsupported, site, concat("more than ", engine_lanes, " mbarriers in a block"));
    Mbarrier b;
    b.address = address;
    b.memory = shared_pointer(address, 8, site);
    b.lane = block.lanes_given++;
    b.arrivals = b.pending = arrivals;
    b.made_by = current;
    b.site = site;
    monitor::write(b.memory, 8, site);
    std::memcpy(b.memory, &mark, 8);
    block.barriers.emplace(address, std::move(b));
}

Mbarrier& mbarrier_at(uint32_t address, Site site) {
    auto& barriers = block_async().barriers;
    const auto found = barriers.find(address);
    if (found == barriers.end() || std::memcmp(found->second.memory, &mark, 8) != 0)
        raise_at(FaultKind::uninitialised, site,
                 concat("there is no mbarrier at shared address ", address,
                        found == barriers.end() ? ": none was initialised" : ": it was overwritten"));
    monitor::atomic_read(found->second.memory, 8, site);
    return found->second;
}

void mbarrier_invalidate(uint32_t address, Site site) {
    Mbarrier& b = mbarrier_at(address, site);
    if (!b.waiting.empty()) raise_at(FaultKind::unsupported, site, concat("inval while a thread waits; ", state_of(b)));
    for (const BulkCopy& copy : block_async().copies)
        if (copy.barrier == address)
            raise_at(FaultKind::missing_wait, site, concat("inval while a copy is under way (", copy.site.text(), "); ", state_of(b)));
    monitor::write(b.memory, 8, site);
    std::memset(b.memory, 0xff, 8);
    block_async().barriers.erase(address);
}

void mbarrier_arrive(uint32_t address, unsigned bytes, Site site) {
    maybe_advance();
    Mbarrier& b = mbarrier_at(address, site);
    if (b.pending == 0) raise_at(FaultKind::wrong_count, site, concat("one arrival too many; ", state_of(b)));
    b.bytes += bytes;
    if (b.bytes > most_bytes) raise_at(FaultKind::wrong_count, site, concat("at most ", most_bytes, " bytes a phase; ", state_of(b)));
    monitor::phase_arrives(b.gathered, *current);
    --b.pending;
    end_phase_if_due(block_async(), b, site);
}

void bytes_arrive(BlockAsync& block, Mbarrier& b, unsigned bytes, Site site) {
    b.bytes -= bytes;
    end_phase_if_due(block, b, site);
}

void mbarrier_wait(uint32_t address, unsigned parity, Site site) {
    maybe_advance();
    Mbarrier& b = mbarrier_at(address, site);
    if (parity > 1) raise_at(FaultKind::unsupported, site, concat("a phase of parity ", parity, ": 0 and 1 exist"));
    if (b.phase % 2 != parity) {
        b.seen = static_cast<int64_t>(b.phase) - 1;
        monitor::phase_seen(*current, b.ended);
        return;
    }
    b.waiting.push_back({current, parity});
    wait("mbarrier", site);
}

void fence_mbarrier_init() {
    for (auto& [address, barrier] : block_async().barriers)
        if (barrier.made_by == current) barrier.in_async_proxy = true;
}

void fence_async_proxy() {
    fence_mbarrier_init();
    monitor::fence_async_proxy();
}

std::string describe_wait(const Thread& thread) {
    const BlockAsync* block = block_async_of(*thread.block);
    if (!block) return {};
    for (const auto& [address, barrier] : block->barriers)
        for (const Mbarrier::Waiter& waiter : barrier.waiting)
            if (waiter.thread == &thread) return concat(", ", state_of(barrier), ", waited for with parity ", waiter.parity);
    return {};
}

void maybe_advance() {
    if (schedule().order != Schedule::shuffled) return;
    static uint64_t turn = 0;  // one copy in a few calls, whichever: their order is the copy engine's own choice
    if ((++turn + schedule().seed) % 3 == 0) advance_async_engines();
    maybe_yield();
}

}  // namespace purnet::emulator
