#include "kernels/runtime/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/runtime/arena.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/memory_reserve.h"
#include "kernels/runtime/out_of_memory.h"
#include "kernels/runtime/scope.h"

namespace purnet {
namespace {

constexpr size_t alignment = 256;
constexpr size_t most_guard_bytes = 256;
constexpr size_t most_over_peak = 2;  // in use and cached together, as a multiple of the peak of what was in use
constexpr int guard_value = 0xA5;
constexpr int poison_value = 0xFF;  // a NaN in every floating-point type

const char* debug_wish() {
    static const char* wish = std::getenv("PURNET_MEMORY_DEBUG");
    return wish ? wish : "";
}
bool debug_mode() {
    static const bool on = *debug_wish() && *debug_wish() != '0';
    return on;
}
size_t guard_bytes() {
    static const size_t bytes = std::strcmp(debug_wish(), "exact") == 0 ? 0 : most_guard_bytes;
    return bytes;
}

// On the host, blocks of this size and more lie in the arena.
constexpr size_t least_large = size_t{2} << 20;

// Addresses cost nothing: twice what the machine has, unless this process may not have as many.
size_t arena_bytes() {
    const auto physical = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    rlimit addresses{};
    if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
        return std::min(2 * physical, static_cast<size_t>(addresses.rlim_cur) / 2);
    return 2 * physical;
}

RawMemory host_memory() {
    return {[](size_t bytes) { return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment); },
            [](void* p, size_t) { std::free(p); }, [](void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); },
            [](void* to, int byte, size_t bytes) { std::memset(to, byte, bytes); }};
}

struct Scope {
    const char* name;
    size_t live = 0, peak = 0;
};

// Sizes in steps of an eighth of the next power of two: reuse is likely and at most 12.5 % is wasted.
size_t size_class(size_t bytes) {
    size_t power = 4096;
    while (power < bytes) power *= 2;
    const size_t step = power / 16 < alignment ? alignment : power / 16;
    return (bytes + step - 1) / step * step;
}

using AskMemory = DeviceMemory (*)();
AskMemory& cuda_memory() {
    static AskMemory ask = nullptr;
    return ask;
}

std::string mebibytes(size_t bytes) { return concat((bytes * 10 >> 20) / 10, ".", (bytes * 10 >> 20) % 10); }

struct Pool {
    std::mutex mutex;
    RawMemory raw;
    std::multimap<size_t, void*> cached;
    std::optional<Arena> arena;                                 // the host's
    MemoryUse use;                                              // `cached` without the arena's
    size_t idle = 0;                                            // bytes in reserves that no block holds
    std::map<void*, std::shared_ptr<ReservedMemory>> reserved;  // blocks handed out by reserves
    std::vector<Scope> scopes{{"other"}};

    std::string table() const {
        std::string text = "memory (MiB live / peak):";
        for (const Scope& scope : scopes)
            if (scope.peak) text += concat(" ", scope.name, " ", scope.live >> 20, " / ", scope.peak >> 20, ";");
        return text + concat(" total ", use.live >> 20, " / ", use.peak >> 20, "; cached ", all_cached() >> 20,
                             idle ? concat("; kept for recorded launches ", idle >> 20) : std::string());
    }
    bool is_large(size_t bytes) const { return arena && bytes >= least_large && !debug_mode(); }
    size_t all_cached() const { return use.cached + (arena ? arena->kept() : 0); }
    [[noreturn]] void refuse(const Device& device, size_t wanted) const {
        const std::string scope = scope_text();
        std::string text = concat(scope, scope.empty() ? "" : ": ", "out of memory on ", name_of(device), ": ", mebibytes(wanted),
                                  " MiB wanted, ", mebibytes(use.live), " MiB in use");
        if (const std::optional<DeviceMemory> memory = device_memory(device.type))
            text += concat(", ", mebibytes(memory->free), " of ", mebibytes(memory->total), " MiB free");
        throw OutOfMemory(text + "; " + table());
    }
    void drop_cache() {
        for (auto& [bytes, data] : cached) raw.free(data, bytes);
        cached.clear();
        use.cached = 0;
        if (arena) arena->give_back();
    }
    // For reuse, but for large blocks outside of the arena. Without memory to note it down a block is lost, not the process.
    void keep(void* data, size_t bytes) noexcept {
        try {
            if (arena && arena->owns(data)) {
                arena->put_back(data, bytes);
            } else if (is_large(bytes)) {
                raw.free(data, bytes);
            } else {
                cached.emplace(size_class(bytes), data);
                use.cached += size_class(bytes);
            }
        } catch (const std::bad_alloc&) {
        }
    }
    // Null: none of that size class lies there.
    void* from_cache(size_t size) {
        const auto found = cached.find(size);
        if (found == cached.end()) return nullptr;
        void* const data = found->second;
        cached.erase(found);
        use.cached -= size;
        return data;
    }
    // Null: there is none left.
    void* allocate(size_t bytes, bool large, bool& zero) {
        if (!large) return raw.allocate(bytes);
        const Arena::Taken taken = arena->take(bytes);
        zero = taken.fresh;
        return taken.data ? taken.data : raw.allocate(bytes);  // its addresses are used up, or were never to be had
    }
    // The same, by giving up what is kept for reuse where that is needed: what lies there in other sizes may be enough. A device gives
    // nothing back while launches are recorded.
    void* take(size_t bytes, bool large, bool& zero) {
        void* data = allocate(bytes, large, zero);
        if (data || current_stream()) return data;
        drop_cache();
        return allocate(bytes, large, zero);
    }
};

// Never destroyed: blocks in other static objects may outlive it otherwise.
Pool& pool(DeviceType type) {
    static auto* pools = new std::array<Pool, 2>;
    Pool& chosen = (*pools)[type == DeviceType::cuda ? 1 : 0];
    static std::once_flag host_ready;
    std::call_once(host_ready, [] {
        (*pools)[0].raw = host_memory();
        (*pools)[0].arena.emplace(arena_bytes());
    });
    return chosen;
}

}  // namespace

struct ReservedMemory {
    DeviceType type;
    std::map<void*, size_t> blocks;       // all that came from the system
    std::multimap<size_t, void*> unused;  // those that no Block holds

    explicit ReservedMemory(DeviceType t) : type(t) {}
    ~ReservedMemory() {
        Pool& p = pool(type);
        std::lock_guard lock(p.mutex);
        for (const auto& [data, size] : blocks) {
            p.idle -= size;
            if (debug_mode())
                p.raw.free(data, size);
            else
                p.keep(data, size);
        }
    }

    void* take(Pool& from, size_t wanted) {
        const auto found = unused.lower_bound(wanted);
        if (found != unused.end() && found->first <= (debug_mode() ? wanted : 2 * wanted)) {
            void* const data = found->second;
            from.idle -= found->first;
            unused.erase(found);
            return data;
        }
        bool zero = false;
        void* data = from.from_cache(wanted);
        if (!data) data = from.take(wanted, false, zero);
        if (data) blocks.emplace(data, wanted);
        return data;
    }
    void put_back(Pool& to, void* data) {
        const size_t size = blocks.at(data);
        unused.emplace(size, data);
        to.idle += size;
    }
};

namespace {

thread_local int current_scope = 0;
thread_local const std::shared_ptr<ReservedMemory>* current_reserve = nullptr;
std::mutex scope_names_mutex;
std::vector<const char*>& scope_names() {
    static auto* names = new std::vector<const char*>{"other"};
    return *names;
}

}  // namespace

Block::Block(Device device, size_t bytes) : bytes_(bytes), device_(device), scope_(current_scope) {
    if (bytes == 0) return;
    Pool& from = pool(device.type);
    std::lock_guard lock(from.mutex);
    require(static_cast<bool>(from.raw.allocate), "no memory of ", name_of(device),
            ": this build has no CUDA part or no device was opened");
    const bool large = from.is_large(bytes);
    const size_t wanted = debug_mode() ? bytes + guard_bytes() : large ? bytes : size_class(bytes);
    if (current_reserve && (*current_reserve)->type == device.type) {
        data_ = (*current_reserve)->take(from, wanted);
        if (!data_) from.refuse(device, wanted);
        from.reserved.emplace(data_, *current_reserve);
    } else if (!device.on_host() && current_stream()) {
        fail("memory is asked for outside of a reserve while launches are recorded: it could be another's when they run");
    } else if (void* const kept = large ? nullptr : from.from_cache(wanted)) {
        data_ = kept;
    } else {
        // Blocks of sizes that no longer come (another picture size) must not pile up: systems that overcommit never refuse.
        if (!(large && from.arena->keeps(wanted)) &&
            from.use.live + from.all_cached() + wanted > most_over_peak * std::max(from.use.peak, from.use.live + wanted))
            from.drop_cache();
        data_ = from.take(wanted, large, zero_);
        if (!data_) from.refuse(device, wanted);
    }
    if (debug_mode()) {
        from.raw.fill(data_, poison_value, bytes);
        from.raw.fill(static_cast<char*>(data_) + bytes, guard_value, guard_bytes());
    }
    from.use.live += bytes;
    from.use.peak = std::max(from.use.peak, from.use.live);
    if (from.scopes.size() <= static_cast<size_t>(scope_)) {
        std::lock_guard names_lock(scope_names_mutex);
        for (size_t i = from.scopes.size(); i < scope_names().size(); ++i) from.scopes.push_back({scope_names()[i]});
    }
    Scope& scope = from.scopes[scope_];
    scope.live += bytes;
    scope.peak = std::max(scope.peak, scope.live);
}

Block Block::borrowed(const void* data, size_t bytes) {
    Block block;
    block.data_ = const_cast<void*>(data);
    block.bytes_ = bytes;
    block.borrowed_ = true;
    return block;
}

void Block::release() noexcept {
    if (std::exchange(borrowed_, false)) data_ = nullptr;
    if (!data_) return;
    std::shared_ptr<ReservedMemory> reserve;  // may go with its last block: when the pool is free again
    Pool& to = pool(device_.type);
    std::lock_guard lock(to.mutex);
    to.use.live -= bytes_;
    to.scopes[scope_].live -= bytes_;
    if (const auto found = to.reserved.find(data_); found != to.reserved.end()) {
        reserve = std::move(found->second);
        to.reserved.erase(found);
        reserve->put_back(to, data_);  // its guard zone is not read: no copy to the host can be recorded
    } else if (debug_mode()) {
        unsigned char guard[most_guard_bytes];
        to.raw.copy(guard, static_cast<const unsigned char*>(data_) + bytes_, guard_bytes());
        for (size_t i = 0; i < guard_bytes(); ++i)
            if (guard[i] != guard_value) {
                std::fprintf(stderr, "purnet: a kernel wrote %zu bytes behind a block of %zu bytes\n", i + 1, bytes_);
                std::abort();
            }
        to.raw.free(data_, bytes_ + guard_bytes());
    } else {
        to.keep(data_, bytes_);
    }
    data_ = nullptr;
    zero_ = false;
}

Block::~Block() { release(); }

Block::Block(Block&& other) noexcept { *this = std::move(other); }

Block& Block::operator=(Block&& other) noexcept {
    if (this == &other) return *this;
    release();
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    device_ = other.device_;
    scope_ = other.scope_;
    zero_ = std::exchange(other.zero_, false);
    borrowed_ = std::exchange(other.borrowed_, false);
    return *this;
}

MemoryScope::MemoryScope(const char* name) : previous_(current_scope) {
    std::lock_guard lock(scope_names_mutex);
    auto& names = scope_names();
    for (size_t i = 0; i < names.size(); ++i)
        if (std::strcmp(names[i], name) == 0) {
            current_scope = static_cast<int>(i);
            return;
        }
    names.push_back(name);
    current_scope = static_cast<int>(names.size()) - 1;
}

MemoryScope::~MemoryScope() { current_scope = previous_; }

MemoryReserve::MemoryReserve(DeviceType type) : memory_(std::make_shared<ReservedMemory>(type)) {}

size_t MemoryReserve::bytes() const {
    std::lock_guard lock(pool(memory_->type).mutex);
    size_t bytes = 0;
    for (const auto& [data, size] : memory_->blocks) bytes += size;
    return bytes;
}

MemoryReserve::Use::Use(const MemoryReserve& reserve) : previous_(std::exchange(current_reserve, &reserve.memory_)) {}
MemoryReserve::Use::~Use() { current_reserve = previous_; }

MemoryReserve::Left::Left() : previous_(std::exchange(current_reserve, nullptr)) {}
MemoryReserve::Left::~Left() { current_reserve = previous_; }

MemoryUse memory_use(DeviceType type) {
    Pool& p = pool(type);
    std::lock_guard lock(p.mutex);
    MemoryUse use = p.use;
    use.cached = p.all_cached();
    return use;
}

void register_device_memory(DeviceType type, DeviceMemory (*ask)()) {
    if (type == DeviceType::cuda) cuda_memory() = ask;
}

std::optional<DeviceMemory> device_memory(DeviceType type) {
    if (type != DeviceType::cuda || !cuda_memory()) return std::nullopt;
    return cuda_memory()();
}

std::optional<size_t> available_memory(DeviceType type) {
    const std::optional<DeviceMemory> memory = device_memory(type);
    if (!memory) return std::nullopt;
    return memory->free + memory_use(type).cached;
}

std::string memory_table(DeviceType type) {
    Pool& p = pool(type);
    std::lock_guard lock(p.mutex);
    return p.table();
}

void register_raw_memory(DeviceType type, RawMemory memory) {
    Pool& p = pool(type);
    std::lock_guard lock(p.mutex);
    p.raw = std::move(memory);
}

void release_cached_memory(DeviceType type) {
    Pool& p = pool(type);
    std::lock_guard lock(p.mutex);
    p.drop_cache();
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, size_t bytes) {
    if (bytes == 0) return;
    const DeviceType by = to_device.type == DeviceType::cuda || from_device.type == DeviceType::cuda ? DeviceType::cuda : DeviceType::cpu;
    require(static_cast<bool>(pool(by).raw.copy), "no copies to or from ", name_of(to_device),
            ": this build has no CUDA part or no device was opened");
    require(by == DeviceType::cpu || !current_stream() || (!to_device.on_host() && !from_device.on_host()),
            "a copy between host and device cannot be part of what is recorded to be launched again");
    pool(by).raw.copy(to, from, bytes);
}

void fill_bytes(void* to, Device device, int byte, size_t bytes) {
    if (bytes == 0) return;
    pool(device.type).raw.fill(to, byte, bytes);
}

}  // namespace purnet
