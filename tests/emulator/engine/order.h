// Fences, atomics and accesses with acquire or release order. Each is a place where a shuffled schedule may give another
// thread its turn; in the monitor build they carry the order between threads that plain accesses lack.
#pragma once

#include <cstddef>

#include "tests/emulator/engine/fault.h"

namespace purnet::emulator {

enum class Scope { block, device };

void fence(Scope scope);

// One atomic read-modify-write is a load followed at once by a store.
void atomic_load(const void* address, void* value, size_t bytes, Site site);
void atomic_store(void* address, const void* value, size_t bytes, Site site);

// A look at memory by the scheduler, without order and without a turn for others.
unsigned peek(const unsigned* address);

void load_acquire(const void* address, void* value, size_t bytes, Scope scope, Site site);
void store_release(void* address, const void* value, size_t bytes, Scope scope, Site site);

}  // namespace purnet::emulator
