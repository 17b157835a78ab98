// mbarriers (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier"). A thread that waits for a phase is a
// state of the scheduler, never a spin. A phase that nothing will end shows in the report of the launch with what it lacks; one
// that ends while copies of its own are still under way, or gets more bytes or arrivals than it counts, is a Fault.
#pragma once

#include <cstdint>
#include <string>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

struct BlockAsync;
struct Mbarrier;

void mbarrier_init(uint32_t address, unsigned arrivals, Site site);
void mbarrier_invalidate(uint32_t address, Site site);
// `bytes` more are announced first.
void mbarrier_arrive(uint32_t address, unsigned bytes, Site site);
void mbarrier_wait(uint32_t address, unsigned parity, Site site);
// Makes the mbarriers that the running thread initialised known to the async proxy; the second also what it wrote and knows.
void fence_mbarrier_init();
void fence_async_proxy();

// The mbarrier at an address of the running thread's block, or a Fault.
Mbarrier& mbarrier_at(uint32_t address, Site site);
// A copy brought so many bytes.
void bytes_arrive(BlockAsync& block, Mbarrier& barrier, unsigned bytes, Site site);

// What the mbarrier lacks that the thread waits for; empty where it waits for none.
std::string describe_wait(const Thread& thread);
// In a shuffled schedule a copy may land, and another thread may get its turn.
void maybe_advance();

}  // namespace purnet::emulator
