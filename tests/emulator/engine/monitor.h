// Hooks from the engine into the access monitor (monitor.cpp). Only the build variant `monitor` has it; in the others they
// are empty.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/emulator/engine/order.h"

namespace purnet::emulator {
struct Barrier;
struct Block;
struct Thread;
struct Warp;
}  // namespace purnet::emulator

namespace purnet::emulator::monitor {

#ifdef PURNET_EMULATOR_MONITOR
inline constexpr bool present = true;
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
void atomic_read(const void* address, size_t bytes);
void atomic_write(const void* address, size_t bytes);
#else
inline constexpr bool present = false;
inline void launch_begins() {}
inline void launch_ends() {}
inline void block_begins(Block&) {}
inline void block_ends(Block&) {}
inline void barrier_arrives(Barrier&, Thread&) {}
inline void barrier_opens(Barrier&) {}
inline void warp_meets(Warp&, uint32_t) {}
inline void fence(Scope) {}
inline void atomic_read(const void*, size_t) {}
inline void atomic_write(const void*, size_t) {}
#endif

}  // namespace purnet::emulator::monitor
