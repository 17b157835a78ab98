#include "tests/emulator/engine/order.h"

#include <cstring>

#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {
namespace {

void check_access(const void* address, size_t bytes, Site site) {
    if (!waited() && !in_shared_array(address)) check_waited("an atomic access", site);
    if (reinterpret_cast<uintptr_t>(address) % bytes)
        raise_at(FaultKind::misaligned, site, concat("an atomic access of ", bytes, " bytes at ", address));
}

}  // namespace

void fence(Scope scope) { monitor::fence(scope); }

void atomic_load(const void* address, void* value, size_t bytes, Site site) {
    check_access(address, bytes, site);
    maybe_yield();
    monitor::atomic_read(address, bytes, site);
    std::memcpy(value, address, bytes);
}

void atomic_store(void* address, const void* value, size_t bytes, Site site) {
    monitor::atomic_write(address, bytes, site);
    std::memcpy(address, value, bytes);
}

unsigned peek(const unsigned* address) { return *address; }

void load_acquire(const void* address, void* value, size_t bytes, Scope scope, Site site) {
    atomic_load(address, value, bytes, site);
    monitor::fence(scope);
}

void store_release(void* address, const void* value, size_t bytes, Scope scope, Site site) {
    check_access(address, bytes, site);
    maybe_yield();
    monitor::fence(scope);
    atomic_store(address, value, bytes, site);
}

}  // namespace purnet::emulator
