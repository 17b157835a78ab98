#include "tests/emulator/engine/memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>

#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {
namespace {

struct Allocations {
    std::mutex mutex;
    std::map<uintptr_t, size_t> live;
    size_t used = 0;
};
Allocations& allocations() {
    static auto* all = new Allocations;
    return *all;
}

}  // namespace

#ifdef PURNET_EMULATOR_MONITOR
void* allocate_exact(size_t bytes, size_t align, bool shared) { return monitor::allocate(bytes, align, shared); }
void free_exact(void* memory) { monitor::free(memory); }
#else
void* allocate_exact(size_t bytes, size_t align, bool) {
    void* memory = nullptr;
    if (posix_memalign(&memory, align < sizeof(void*) ? sizeof(void*) : align, bytes ? bytes : 1) != 0) return nullptr;
    std::memset(memory, 0xff, bytes);
    return memory;
}

void free_exact(void* memory) { std::free(memory); }
#endif

void* device_allocate(size_t bytes) {
    auto& all = allocations();
    std::lock_guard lock(all.mutex);
    if (bytes > memory_limit() || all.used > memory_limit() - bytes) return nullptr;
    void* memory = allocate_exact(bytes, 256);
    if (!memory) return nullptr;
    all.live[reinterpret_cast<uintptr_t>(memory)] = bytes;
    all.used += bytes;
    return memory;
}

bool device_free(void* memory) {
    auto& all = allocations();
    std::lock_guard lock(all.mutex);
    const auto found = all.live.find(reinterpret_cast<uintptr_t>(memory));
    if (found == all.live.end()) return false;
    all.used -= found->second;
    all.live.erase(found);
    free_exact(memory);
    return true;
}

bool is_device_range(const void* address, size_t bytes) {
    auto& all = allocations();
    std::lock_guard lock(all.mutex);
    const auto at = reinterpret_cast<uintptr_t>(address);
    auto after = all.live.upper_bound(at);
    if (after == all.live.begin()) return false;
    --after;
    return at - after->first <= after->second && bytes <= after->second - (at - after->first);
}

bool is_device_memory(const void* address) { return is_device_range(address, 1); }

size_t& memory_limit() {
    static size_t limit = std::numeric_limits<size_t>::max();
    return limit;
}

size_t device_memory_used() {
    auto& all = allocations();
    std::lock_guard lock(all.mutex);
    return all.used;
}

}  // namespace purnet::emulator
