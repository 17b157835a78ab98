#include "tests/emulator/engine/shadow.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/runtime/error.h"

namespace purnet::emulator::shadow {
namespace {

// Global memory lies in the lower part, shared memory in the upper part of the range.
constexpr size_t global_bytes = size_t{2} << 30, shared_bytes = size_t{64} << 20, range_bytes = global_bytes + shared_bytes;
constexpr size_t red_zone = 256;

char* reserve(size_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(p != MAP_FAILED, "the monitor could not reserve ", bytes >> 30, " GiB of address space");
    return static_cast<char*>(p);
}

struct Part {
    size_t begin, end, next;
    std::multimap<size_t, size_t> free;  // rounded bytes -> offset
};

struct Memory {
    char* base = reserve(range_bytes);
    Word* words = reinterpret_cast<Word*>(reserve(range_bytes / 4 * sizeof(Word)));
    State* states = reinterpret_cast<State*>(reserve(range_bytes / 4 * sizeof(State)));
    std::mutex mutex;
    Part global{0, global_bytes, 0, {}}, shared{global_bytes, range_bytes, global_bytes, {}};
    std::map<size_t, size_t> live;  // offset -> bytes
};
Memory& memory() {
    static auto* one = new Memory;
    return *one;
}
// For the test at every access, without the guard of a local static.
char* const range_begin = memory().base;

void mark(Memory& m, size_t offset, size_t bytes, bool valid, bool written) {
    for (size_t at = offset; at < offset + bytes; at += 4) {
        const size_t part = std::min<size_t>(4, offset + bytes - at);
        const auto mask = static_cast<uint16_t>((1u << part) - 1);
        m.states[at / 4] = valid ? State{mask, static_cast<uint16_t>(written ? mask : 0), 0} : State{};
        std::memset(static_cast<void*>(&m.words[at / 4]), 0, sizeof(Word));
    }
}

}  // namespace

void* allocate(size_t bytes, size_t align, bool shared) {
    Memory& m = memory();
    std::lock_guard lock(m.mutex);
    Part& part = shared ? m.shared : m.global;
    align = std::max<size_t>(align, 256);
    const size_t rounded = (bytes + red_zone + 1023) / 1024 * 1024;
    size_t offset = 0;
    if (const auto found = part.free.find(rounded); found != part.free.end()) {
        offset = found->second;
        part.free.erase(found);
    } else {
        offset = (part.next + 1023) / 1024 * 1024;
        if (align > 1024 || offset + rounded > part.end) return nullptr;
        part.next = offset + rounded;
    }
    m.live[offset] = bytes;
    mark(m, offset, bytes, true, !shared);
    std::memset(m.base + offset, 0xff, bytes);
    return m.base + offset;
}

void free(void* address) {
    if (!address) return;
    Memory& m = memory();
    std::lock_guard lock(m.mutex);
    const size_t offset = static_cast<size_t>(static_cast<char*>(address) - m.base);
    const auto found = m.live.find(offset);
    require(found != m.live.end(), "the monitor frees memory that it did not give");
    mark(m, offset, found->second, false, false);
    (offset >= global_bytes ? m.shared : m.global).free.emplace((found->second + red_zone + 1023) / 1024 * 1024, offset);
    m.live.erase(found);
}

bool watched(const void* address) { return static_cast<size_t>(static_cast<const char*>(address) - range_begin) < range_bytes; }
bool is_shared(const void* address) { return static_cast<size_t>(static_cast<const char*>(address) - range_begin) >= global_bytes; }
Word& word(const void* address) { return memory().words[static_cast<size_t>(static_cast<const char*>(address) - range_begin) / 4]; }
State& state(const void* address) { return memory().states[static_cast<size_t>(static_cast<const char*>(address) - range_begin) / 4]; }

void forget() { madvise(memory().words, range_bytes / 4 * sizeof(Word), MADV_DONTNEED); }

}  // namespace purnet::emulator::shadow
#endif
