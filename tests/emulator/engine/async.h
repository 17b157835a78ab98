// Asynchronous copies of one thread (cp.async): queued at issue, performed when the thread waits for them. Until then the
// destination holds NaN bytes, so a forgotten wait shows as a wrong result; a copy that nothing waited for is a Fault when
// the thread exits, and a source that changed between issue and wait is one too.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

// `source_bytes` <= bytes are copied, the rest becomes zero; bytes is 4, 8 or 16.
void cp_async(uint32_t destination, const void* source, unsigned bytes, unsigned source_bytes, Site site);
void cp_async_commit();
void cp_async_wait(unsigned groups_left, Site site);
// Faults where copies are still under way.
void check_async_at_exit(Thread& thread);

// Lets the copy engine finish a copy; false when it has none (copy_engine.cpp).
bool advance_async_engines();

}  // namespace purnet::emulator
