#include "tests/emulator/engine/monitor.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <cstring>
#include <map>
#include <unordered_map>

#include "tests/emulator/engine/block_async.h"
#include "tests/emulator/engine/clock.h"
#include "tests/emulator/engine/counters.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/shadow.h"

extern "C" const char __executable_start;

namespace purnet::emulator::monitor {
namespace {

constexpr uint64_t launch_numbers = 0xfff;  // 1 to 4095; then everything is forgotten and they begin anew
uint64_t launch_count = 0;
uint32_t launch_number = 0;
// Of steps that are under way together: what this launch is, what those beside it are, by number.
const std::string* own_name = nullptr;
std::vector<const std::string*> beside_names(launch_numbers + 1, nullptr);
std::vector<uint32_t> beside_numbers;
std::unordered_map<const void*, Snapshots> handed_on;  // by atomic location

// Places in the source: a code address relative to the program's start, or (upper bit) the number of a Site.
constexpr uint32_t site_bit = 0x80000000u;
std::vector<Site>& sites() {
    static auto* all = new std::vector<Site>;
    return *all;
}

uint32_t place_of(Site site) {
    static auto* known = new std::map<std::pair<const char*, int>, uint32_t>;
    const auto [at, fresh] = known->try_emplace({site.file, site.line}, static_cast<uint32_t>(sites().size()));
    if (fresh) sites().push_back(site);
    return at->second | site_bit;
}

uint32_t place_of(const void* return_address) {
    return static_cast<uint32_t>(static_cast<const char*>(return_address) - &__executable_start);
}

struct Kind {
    bool write, atomic, async = false;  // async: through the async proxy
};

const char* verb(bool write, bool atomic) { return atomic ? "atomic access" : write ? "write" : "read"; }

[[noreturn]] void report(FaultKind kind, const char* what, const void* address, size_t bytes, uint32_t place) {
    raise(kind, concat(what, " of ", bytes, " bytes at ", address,
                       shadow::watched(address) && shadow::is_shared(address) ? " (shared)" : "", ", ", describe_place(place)));
}

[[noreturn]] void report_race(const shadow::Access& before, uint32_t before_place, Kind now, const void* address, size_t bytes,
                              uint32_t place) {
    const std::string earlier =
        before.thread >= current->block->threads.size() ? std::string("the copy engine") : concat("thread ", before.thread);
    raise(FaultKind::race, concat(verb(now.write, now.atomic), " of ", bytes, " bytes of ",
                                  shadow::is_shared(address) ? "shared" : "global", " memory by thread ", current->index, " of block ",
                                  current->block->id, " (", describe_place(place), ") and ", verb(before.write, before.atomic), " by ",
                                  earlier, " of block ", before.block, " (", describe_place(before_place), ") are not ordered"));
}

[[noreturn]] void report_race_beside(const shadow::Access& before, uint32_t before_place, Kind now, const void* address,
                                     const std::string& place) {
    raise(FaultKind::race,
          concat(verb(now.write, now.atomic), " at ", address, " by ", *own_name, " (", place, ") and ", verb(before.write, before.atomic),
                 " by ", *beside_names[before.launch], before_place ? " (" + describe_place(before_place) + ")" : std::string(),
                 ": nothing orders these launches"));
}

bool subsumes(const shadow::Access& fresh, const shadow::Access& old) {
    return (old.bytes & ~fresh.bytes) == 0 && (fresh.write || !old.write) && (!fresh.atomic || old.atomic || !old.write || fresh.write);
}

void touch_word(const char* address, unsigned mask, Kind kind, size_t bytes, uint32_t place) {
    shadow::Word& word = shadow::word(address);
    shadow::Access fresh;
    fresh.launch = launch_number;
    fresh.block = current->block->id;
    fresh.thread = current->index;
    fresh.epoch = current->clock->own;
    fresh.bytes = mask;
    fresh.write = kind.write;
    fresh.atomic = kind.atomic;
    fresh.engine = kind.async;
    int free_slot = -1, read_slot = -1;
    for (int i = 0; i < shadow::Word::slots; ++i) {
        shadow::Access& old = word.access[i];
        if (std::memcmp(&old, &fresh, sizeof fresh) == 0) return;
        if (old.bytes == 0) {
            free_slot = i;
            continue;
        }
        if (old.launch != launch_number) {
            const bool beside = beside_names[old.launch];
            if (beside && (old.bytes & mask) && (old.write || kind.write) && !(old.atomic && kind.atomic))
                report_race_beside(old, word.place[i], kind, address, describe_place(place));
            // Kept where a launch that is to come may be beside the earlier one but not beside this one.
            if (own_name && (beside || !subsumes(fresh, old))) {
                if (!old.write) read_slot = i;
            } else {
                old = {};
                free_slot = i;
            }
            continue;
        }
        if (kind.async && old.write && !old.engine && (old.bytes & mask) && old.block == current->block->id &&
            order::known_to(*current, static_cast<uint32_t>(old.block), static_cast<uint32_t>(old.thread),
                            static_cast<uint32_t>(old.epoch)) &&
            !order::passed_proxy_fence(*current, static_cast<uint32_t>(old.thread), static_cast<uint32_t>(old.epoch)))
            report(FaultKind::missing_proxy_fence,
                   concat("what thread ", old.thread, " wrote (", describe_place(word.place[i]),
                          ") has passed no fence.proxy.async before the ", kind.write ? "copy" : "read", " by the async proxy")
                       .c_str(),
                   address, bytes, place);
        const bool conflict = (old.bytes & mask) && (old.write || kind.write) && !(old.atomic && kind.atomic);
        if (conflict || subsumes(fresh, old)) {
            if (order::known_to(*current, static_cast<uint32_t>(old.block), static_cast<uint32_t>(old.thread),
                                static_cast<uint32_t>(old.epoch))) {
                if (subsumes(fresh, old)) {
                    old = {};
                    free_slot = i;
                }
                continue;
            }
            if (conflict) report_race(old, word.place[i], kind, address, bytes, place);
        }
        if (!old.write) read_slot = i;
    }
    if (free_slot < 0) free_slot = read_slot >= 0 ? read_slot : static_cast<int>(fresh.epoch % shadow::Word::slots);
    word.access[free_slot] = fresh;
    word.place[free_slot] = place;
}

void access(const void* address, size_t bytes, Kind kind, uint32_t place, bool aligned, bool counted) {
    if (!current || !current->clock || !shadow::watched(address)) return;
    const auto* first = static_cast<const char*>(address);
    if (!waited() && !shadow::is_shared(address))
        report(FaultKind::launch_order,
               concat(verb(kind.write, kind.atomic), " by an early launch, before it waited for those ahead:").c_str(), address, bytes,
               place);
    if (aligned && reinterpret_cast<uintptr_t>(first) % bytes)
        report(FaultKind::misaligned, verb(kind.write, false), address, bytes, place);
    if (counted && counting()) current->clock->counted.push_back({address, place, static_cast<uint16_t>(bytes), kind.write});
    for (size_t done = 0; done < bytes;) {
        const char* at = first + done;
        const size_t inside = reinterpret_cast<uintptr_t>(at) % 4, here = std::min(bytes - done, 4 - inside);
        const unsigned mask = ((1u << here) - 1) << inside;
        shadow::State& state = shadow::state(at);
        if ((state.valid & mask) != mask) report(FaultKind::out_of_bounds, verb(kind.write, kind.atomic), address, bytes, place);
        if (!kind.write && (state.pending & mask))
            report(FaultKind::missing_wait, "a read of what an asynchronous copy has yet to bring:", address, bytes, place);
        if (!kind.write && !kind.atomic && (state.written & mask) != mask && shadow::is_shared(at))
            report(FaultKind::uninitialised, "read", address, bytes, place);
        if (kind.write) {
            state.written |= mask & 15u;
            state.pending &= ~mask & 15u;
        }
        touch_word(at, mask, kind, bytes, place);
        done += here;
    }
}

}  // namespace

std::string describe_place(uint32_t place) {
    if (place & site_bit) return sites()[place & ~site_bit].text();
    return describe_code(&__executable_start + place - 1);
}

uint64_t launches() { return launch_count; }

void next_launch(const std::string* what, const std::vector<Beside>& beside) {
    for (const uint32_t number : beside_numbers) beside_names[number] = nullptr;
    beside_numbers.clear();
    own_name = what;
    for (const Beside& one : beside) {
        if ((one.launch - 1) / launch_numbers != launch_count / launch_numbers) continue;  // forgotten
        beside_numbers.push_back(static_cast<uint32_t>((one.launch - 1) % launch_numbers) + 1);
        beside_names[beside_numbers.back()] = one.what;
    }
}

void launch_begins() {
    launch_number = static_cast<uint32_t>(launch_count++ % launch_numbers) + 1;
    if (launch_number == 1) shadow::forget();
    handed_on.clear();
}

void transfer(const void* to, const void* from, size_t bytes) {
    if (!own_name) return;
    launch_begins();
    for (const bool write : {false, true}) {
        const auto* at = static_cast<const char*>(write ? to : from);
        if (!at || !shadow::watched(at)) continue;
        shadow::Access fresh;
        fresh.launch = launch_number;
        fresh.bytes = 15;  // pieces of less than a word are counted as one: tensors do not share words
        fresh.write = write;
        for (const char* end = at + bytes; at < end; at += 4) {
            shadow::Word& word = shadow::word(at);
            int slot = 0;
            for (int i = 0; i < shadow::Word::slots; ++i) {
                shadow::Access& old = word.access[i];
                if (old.bytes && beside_names[old.launch] && (old.write || write))
                    report_race_beside(old, word.place[i], {write, false}, at, write ? "as it is copied to" : "as it is copied from");
                if (old.bytes && !beside_names[old.launch] && subsumes(fresh, old)) old = {};
                if (!old.bytes) slot = i;
            }
            word.access[slot] = fresh;
            word.place[slot] = 0;
        }
    }
    launch_ends();
}

void launch_ends() { handed_on.clear(); }

void block_begins(Block& block) {
    if (block.id >= 1u << 18) raise(FaultKind::unsupported, "more than 262144 blocks under the monitor");
    auto knowledge = std::make_shared<Knowledge>();
    knowledge->threads.resize(block.threads.size() + engine_lanes, 0);
    block.initial_knowledge = std::move(knowledge);
    for (Thread& thread : block.threads) order::begin(thread);
}

void block_ends(Block& block) {
    if (counting()) count_block(block);
}

void barrier_arrives(Barrier& barrier, Thread& thread) {
    if (!barrier.gathered) barrier.gathered = std::make_shared<Gathered>();
    order::give(thread, *barrier.gathered);
}

void barrier_opens(Barrier& barrier) {
    auto all = std::make_shared<const Knowledge>(std::move(barrier.gathered->all));
    barrier.gathered.reset();
    for (Thread* thread : barrier.waiting) order::take(*thread, all);
}

void warp_meets(Warp& warp, uint32_t lanes) { order::meet(warp, lanes); }

void fence(Scope scope) {
    if (current) order::fence(*current, scope);
}

void atomic_read(const void* address, size_t bytes, Site site) {
    access(address, bytes, {false, true}, place_of(site), false, true);
    const auto found = handed_on.find(address);
    if (found == handed_on.end()) return;
    Snapshots& seen = current->clock->seen;
    seen.insert(seen.end(), found->second.begin(), found->second.end());
}

void atomic_write(const void* address, size_t bytes, Site site) {
    access(address, bytes, {true, true}, place_of(site), false, true);
    if (!current->clock->fence) return;
    Snapshots& all = handed_on[address];
    if (all.empty() || all.back() != current->clock->fence) all.push_back(current->clock->fence);
}

void read(const void* address, size_t bytes, Site site) { access(address, bytes, {false, false}, place_of(site), false, true); }

void write(const void* address, size_t bytes, Site site, bool landing) {
    access(address, bytes, {true, false}, place_of(site), false, !landing);
}

void begins_to_change(const void* address, size_t bytes) {
    for (const char* at = static_cast<const char*>(address); bytes > 0; at += 4, bytes -= 4) shadow::state(at).pending = 15;
}

void phase_arrives(std::shared_ptr<Gathered>& gathered, Thread& thread) {
    if (!gathered) gathered = std::make_shared<Gathered>();
    order::give(thread, *gathered);
}

std::shared_ptr<const Knowledge> phase_ends(std::shared_ptr<Gathered>& gathered, const Block& block, unsigned lane, uint64_t phase) {
    gathered->all.threads[block.threads.size() + lane] = static_cast<uint32_t>(phase) + 1;
    auto all = std::make_shared<const Knowledge>(std::move(gathered->all));
    gathered.reset();
    return all;
}

void phase_seen(Thread& thread, const std::shared_ptr<const Knowledge>& ended) {
    if (ended) order::take(thread, ended);
}

void async_read(const void* address, size_t bytes, Site site) {
    access(address, bytes, {false, false, true}, place_of(site), false, false);
}

void async_write(const void* address, size_t bytes, Site site) {
    access(address, bytes, {true, false, true}, place_of(site), false, false);
    begins_to_change(address, bytes);
}

void engine_lands(const Block& block, unsigned lane, uint64_t phase, const void* address, size_t bytes, Site site) {
    if (phase + 1 > 0xffff) raise(FaultKind::unsupported, "more than 65535 phases of an mbarrier under the monitor");
    shadow::Access landed;
    landed.launch = launch_number;
    landed.block = block.id;
    landed.thread = block.threads.size() + lane;
    landed.epoch = phase + 1;
    landed.bytes = 15;
    landed.write = landed.engine = 1;
    const uint32_t place = place_of(site);
    for (const char* at = static_cast<const char*>(address); bytes > 0; at += 4, bytes -= 4) {
        shadow::Word& word = shadow::word(at);
        word = {};
        word.access[0] = landed;
        word.place[0] = place;
        shadow::state(at).pending = 0;
    }
}

void fence_async_proxy() { order::fence_proxy(*current); }

void* allocate(size_t bytes, size_t align, bool shared) { return shadow::allocate(bytes, align, shared); }
void free(void* memory) { shadow::free(memory); }

}  // namespace purnet::emulator::monitor

// What the compiler's instrumentation calls.
using purnet::emulator::monitor::access;
using purnet::emulator::monitor::place_of;

#define PURNET_HOOK(bytes)                                                                                                               \
    void __tsan_read##bytes(void* p) { access(p, bytes, {false, false}, place_of(__builtin_return_address(0)), true, true); }            \
    void __tsan_write##bytes(void* p) { access(p, bytes, {true, false}, place_of(__builtin_return_address(0)), true, true); }            \
    void __tsan_unaligned_read##bytes(void* p) { access(p, bytes, {false, false}, place_of(__builtin_return_address(0)), false, true); } \
    void __tsan_unaligned_write##bytes(void* p) { access(p, bytes, {true, false}, place_of(__builtin_return_address(0)), false, true); }

extern "C" {
PURNET_HOOK(1)
PURNET_HOOK(2)
PURNET_HOOK(4)
PURNET_HOOK(8)
PURNET_HOOK(16)
void __tsan_read_range(void* p, unsigned long bytes) {
    access(p, bytes, {false, false}, place_of(__builtin_return_address(0)), false, true);
}
void __tsan_write_range(void* p, unsigned long bytes) {
    access(p, bytes, {true, false}, place_of(__builtin_return_address(0)), false, true);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// The host's part of those files: guards of local statics, and the count of the shared pointer by which a launch hands its arguments to
// its threads.
unsigned char __tsan_atomic8_load(const volatile void* p, int) {
    return __atomic_load_n(static_cast<const volatile unsigned char*>(p), __ATOMIC_SEQ_CST);
}
unsigned __tsan_atomic32_fetch_add(volatile void* p, unsigned value, int) {
    return __atomic_fetch_add(static_cast<volatile unsigned*>(p), value, __ATOMIC_SEQ_CST);
}
}
#endif
