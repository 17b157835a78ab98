#include "tests/emulator/engine/engine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <utility>

#include "tests/emulator/engine/async.h"
#include "tests/emulator/engine/mbarrier.h"
#include "tests/emulator/engine/memory.h"
#include "tests/emulator/engine/monitor.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace purnet::emulator {

Thread* current = nullptr;
const Launch* current_launch = nullptr;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(PURNET_EMULATOR_MONITOR) || !defined(__OPTIMIZE__)
constexpr size_t stack_bytes = 256 * 1024;
#else
constexpr size_t stack_bytes = 128 * 1024;
#endif
constexpr size_t most_resident = 16;            // blocks in flight where blocks wait for others
constexpr uint32_t shared_window_begin = 1024;  // as on devices, where the system keeps the first KiB

struct Poll {
    Thread* thread;
    std::function<bool()> condition;
};

struct Scheduler {
    std::recursive_mutex one_launch;
    FiberPool pool{stack_bytes};
    Fiber* host = nullptr;
    std::vector<std::unique_ptr<Block>> slots;
    std::vector<uint32_t> block_order;
    size_t next_block = 0;
    std::vector<Thread*> ready;
    size_t ready_head = 0;
    std::vector<Poll> polls;
    uint64_t random_state = 0;
    std::exception_ptr fault;

    uint64_t random() {  // splitmix64
        uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    bool shuffled() const { return schedule().order == Schedule::shuffled; }

    void push(Thread* thread) { ready.push_back(thread); }
    template <class List>
    void push_all(const List& threads) {
        if (schedule().order == Schedule::reverse)
            ready.insert(ready.end(), threads.rbegin(), threads.rend());
        else
            ready.insert(ready.end(), threads.begin(), threads.end());
    }
    Thread* pop() {
        if (shuffled()) {
            const size_t at = random() % ready.size();
            Thread* thread = ready[at];
            ready[at] = ready.back();
            ready.pop_back();
            return thread;
        }
        Thread* thread = ready[ready_head++];
        if (ready_head == ready.size()) {
            ready.clear();
            ready_head = 0;
        }
        return thread;
    }
    bool has_ready() const { return ready_head < ready.size(); }

    void start_block(Block& block);
    void end_block(Block& block);
    void exit_thread(Thread& thread);
    bool ask_polls();
    Thread* pick();
    [[noreturn]] void leave_for_host();
    [[noreturn]] void report_deadlock();
};

Scheduler& scheduler() {
    static auto* one = new Scheduler;
    return *one;
}

void make_current(Thread* thread) {
    current = thread;
    threadIdx = thread->thread_idx;
    blockIdx = thread->block_idx;
}

void Scheduler::start_block(Block& block) {
    const Launch& launch = *current_launch;
    const uint32_t id = block_order[next_block++];
    ++counters().blocks;
    block.id = id;
    block.index = {id % launch.grid.x, id / launch.grid.x % launch.grid.y, id / launch.grid.x / launch.grid.y};
    const unsigned count = launch.block.x * launch.block.y * launch.block.z;
    block.threads = std::vector<Thread>(count);
    block.warps = std::vector<Warp>((count + 31) / 32);
    block.live = count;
    block.shared_end = shared_window_begin;
    for (Barrier& barrier : block.barriers) barrier = {};
    std::vector<Thread*> threads(count);
    for (unsigned i = 0; i < count; ++i) {
        Thread& t = block.threads[i];
        t.thread_idx = {i % launch.block.x, i / launch.block.x % launch.block.y, i / launch.block.x / launch.block.y};
        t.block_idx = block.index;
        t.block = &block;
        t.warp = &block.warps[i / 32];
        t.index = i;
        t.lane = static_cast<int>(i % 32);
        t.warp->lanes[t.lane] = &t;
        t.warp->live |= 1u << t.lane;
        threads[i] = &t;
    }
    counters().threads += count;
    monitor::block_begins(block);
    push_all(threads);
}

void Scheduler::end_block(Block& block) {
    monitor::block_ends(block);
    block.async.reset();
    for (const SharedArray& array : block.shared) free_exact(array.host);
    block.shared.clear();
    block.shared_bytes = 0;
    if (next_block < block_order.size()) start_block(block);
}

bool Scheduler::ask_polls() {
    bool any = false;
    for (size_t i = 0; i < polls.size();) {
        if (polls[i].condition()) {
            push(polls[i].thread);
            polls.erase(polls.begin() + static_cast<ptrdiff_t>(i));
            any = true;
        } else {
            ++i;
        }
    }
    return any;
}

Thread* Scheduler::pick() {
    if (shuffled() && !polls.empty() && random() % 4 == 0) ask_polls();
    while (!has_ready()) {
        if (ask_polls() || advance_async_engines()) continue;
        const bool any_live = std::any_of(slots.begin(), slots.end(), [](const auto& block) { return block->live > 0; });
        if (!any_live) leave_for_host();
        if (next_block < block_order.size() && slots.size() < most_resident) {  // perhaps they wait for a block that is to come
            slots.push_back(std::make_unique<Block>());
            start_block(*slots.back());
            continue;
        }
        report_deadlock();
    }
    return pop();
}

void Scheduler::leave_for_host() {
    Fiber::switch_to(*current->fiber, *host, true);
    std::abort();  // fibers that left are never continued
}

void set_fault(FaultKind kind, std::string&& text) {
    const std::string full = std::move(text) + "; " + where(current);
    scheduler().fault = std::make_exception_ptr(Fault(kind, full));
}

void Scheduler::report_deadlock() {
    struct Group {
        const char* what;
        Site site;
        unsigned count;
        Thread* first;
    };
    {
        std::vector<Group> groups;
        bool barrier = false, collective = false, other = false;
        for (const auto& block : slots)
            for (Thread& t : block->threads) {
                if (t.exited || !t.waits_for) continue;
                const bool at_barrier = std::strncmp(t.waits_for, "barrier", 7) == 0;
                const bool in_warp = std::any_of(t.warp->pending.begin(), t.warp->pending.end(),
                                                 [&](const Collective& c) { return c.arrived >> t.lane & 1; });
                (at_barrier ? barrier : in_warp ? collective : other) = true;
                auto same =
                    std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.site == t.site && g.what == t.waits_for; });
                if (same == groups.end())
                    groups.push_back({t.waits_for, t.site, 1, &t});
                else
                    ++same->count;
            }
        std::string text = "nothing is left that could end these waits:";
        for (const Group& g : groups) {
            text += concat(" ", g.count, " thread", g.count == 1 ? "" : "s", " at ", g.what, " (", g.site.text(), "), the first is thread ",
                           g.first->index, " of block ", g.first->block->id);
            for (const Collective& c : g.first->warp->pending)
                if (c.arrived >> g.first->lane & 1) {
                    char masks[64];
                    std::snprintf(masks, sizeof masks, ", mask %08x, arrived %08x", c.mask, c.arrived);
                    text += masks;
                }
            text += describe_wait(*g.first);
            text += ";";
        }
        text.pop_back();
        const FaultKind kind = other        ? FaultKind::endless_wait
                               : barrier    ? FaultKind::divergent_barrier
                               : collective ? FaultKind::wrong_mask
                                            : FaultKind::endless_wait;
        set_fault(kind, std::move(text));
    }
    leave_for_host();
}

void fiber_main(void*) {
    Scheduler& s = scheduler();
    for (;;) {
        Thread* thread = current;
        Fiber* fiber = thread->fiber;
        try {
            current_launch->body();
        } catch (...) {
            s.fault = std::current_exception();
            s.leave_for_host();
        }
        s.exit_thread(*thread);
        Thread* next = s.pick();
        make_current(next);
        if (!next->fiber) {
            next->fiber = fiber;
            continue;
        }
        s.pool.give(fiber);
        ++counters().switches;
        Fiber::switch_to(*fiber, *next->fiber, true);
    }
}

// Runs others until `self` is picked again.
void run_others(Thread* self) {
    Scheduler& s = scheduler();
    Thread* next = s.pick();
    if (next != self) {
        if (!next->fiber) {
            next->fiber = s.pool.take();
            next->fiber->prepare(fiber_main, nullptr);
        }
        make_current(next);
        ++counters().switches;
        Fiber::switch_to(*self->fiber, *next->fiber);
    }
    self->waits_for = nullptr;
}

void open_barrier(Barrier& barrier) {
    ++counters().barriers;
    monitor::barrier_opens(barrier);
    barrier.total = barrier.arrived;
    barrier.result = barrier.predicates;
    barrier.arrived = barrier.predicates = 0;
    std::vector<Thread*> waiting = std::move(barrier.waiting);
    barrier.waiting.clear();
    // In the order of the threads, whoever came first: that is what forward and reverse mean.
    std::sort(waiting.begin(), waiting.end(), [](const Thread* a, const Thread* b) { return a->index < b->index; });
    if (!waiting.empty()) scheduler().push_all(waiting);
}

bool complete(const Barrier& barrier, const Block& block) {
    return barrier.arrived > 0 && barrier.arrived == (barrier.expected ? barrier.expected : block.live);
}

void complete_collective(Warp& warp, size_t at, void (*function)(void* const*, uint32_t)) {
    ++counters().collectives;
    Collective group = warp.pending[at];
    warp.pending.erase(warp.pending.begin() + static_cast<ptrdiff_t>(at));
    function(group.arguments, group.arrived);
    if (group.orders_memory) monitor::warp_meets(warp, group.arrived);
    std::vector<Thread*> others;
    for (int lane = 0; lane < 32; ++lane)
        if (group.arrived >> lane & 1 && warp.lanes[lane] != current) others.push_back(warp.lanes[lane]);
    scheduler().push_all(others);
}

void Scheduler::exit_thread(Thread& thread) {
    check_async_at_exit(thread);
    if (current_launch->early && !thread.waited_for_launches)
        raise(
            FaultKind::launch_order,
            "a thread of an early launch ends and has not waited for the launches ahead: what comes behind it is not ordered behind them");
    thread.exited = true;
    Block& block = *thread.block;
    Warp& warp = *thread.warp;
    --block.live;
    warp.live &= ~(1u << thread.lane);
    for (size_t i = 0; i < warp.pending.size();) {
        const Collective& group = warp.pending[i];
        if ((group.mask & warp.live) == group.arrived)
            complete_collective(warp, i, group.complete);
        else
            ++i;
    }
    for (Barrier& barrier : block.barriers)
        if (barrier.expected == 0 && complete(barrier, block)) open_barrier(barrier);
    if (block.live == 0) {
        // The block's memory is about to be reused; the caller still runs on one of its fibers and keeps it.
        Fiber* fiber = thread.fiber;
        static Thread leaving;
        leaving = Thread{};
        leaving.fiber = fiber;
        leaving.block_idx = block.index;
        current = &leaving;
        end_block(block);
    }
}

std::string triple(uint3 v) { return concat("(", v.x, ",", v.y, ",", v.z, ")"); }

}  // namespace

Schedule& schedule() {
    static Schedule one;
    return one;
}

int& device_index() {
    static int index = 0;
    return index;
}

Counters& counters() {
    static Counters one;
    return one;
}

void run(const Launch& launch) {
    Scheduler& s = scheduler();
    std::lock_guard lock(s.one_launch);
    require(!current, "a kernel launched from a kernel: the emulator has no device-side launches");
    ++counters().launches;
    static thread_local Fiber host;
    s.host = &host;
    s.fault = nullptr;
    s.ready.clear();
    s.ready_head = 0;
    s.polls.clear();
    s.random_state = schedule().seed * 0x2545f4914f6cdd1dull + 1;
    current_launch = &launch;
    blockDim = launch.block;
    gridDim = launch.grid;
    const uint64_t blocks = uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
    s.block_order.resize(blocks);
    for (uint32_t i = 0; i < blocks; ++i) s.block_order[i] = i;
    if (schedule().order == Schedule::reverse) std::reverse(s.block_order.begin(), s.block_order.end());
    if (s.shuffled())
        for (size_t i = blocks; i > 1; --i) std::swap(s.block_order[i - 1], s.block_order[s.random() % i]);
    s.next_block = 0;
    s.slots.clear();
    monitor::launch_begins();
    const size_t resident = std::min<size_t>(std::max(schedule().resident, 1u), blocks);
    for (size_t i = 0; i < resident; ++i) {
        s.slots.push_back(std::make_unique<Block>());
        s.start_block(*s.slots.back());
    }
    Thread* first = s.pop();
    first->fiber = s.pool.take();
    first->fiber->prepare(fiber_main, nullptr);
    make_current(first);
    Fiber::switch_to(host, *first->fiber);

    current = nullptr;
    for (auto& block : s.slots)
        for (const SharedArray& array : block->shared) free_exact(array.host);
    s.slots.clear();
    s.pool.reset();
    monitor::launch_ends();
    current_launch = nullptr;
    if (s.fault) std::rethrow_exception(std::exchange(s.fault, nullptr));
}

void raise(FaultKind kind, std::string&& text) {
    if (!current) throw Fault(kind, text);
    set_fault(kind, std::move(text));
    scheduler().leave_for_host();
}

void raise_at(FaultKind kind, Site site, std::string&& text) {
    text += concat(" (", site.text(), ")");
    raise(kind, std::move(text));
}

void wait(const char* what, Site site) {
    current->waits_for = what;
    current->site = site;
    run_others(current);
}

void wake(Thread* thread) { scheduler().push(thread); }

void maybe_yield() {
    Scheduler& s = scheduler();
    if (!s.shuffled() || s.random() % 2) return;
    s.push(current);
    run_others(current);
}

void wait_for_launches() { current->waited_for_launches = true; }

bool waited() { return !current || !current_launch->early || current->waited_for_launches; }

void check_waited(const char* what, Site site) {
    if (!waited())
        raise_at(FaultKind::launch_order, site, concat(what, " of global memory by an early launch, before it waited for those ahead"));
}

void wait_until(const char* what, Site site, std::function<bool()> condition) {
    if (condition()) return;
    scheduler().polls.push_back({current, std::move(condition)});
    wait(what, site);
}

namespace {

Barrier& arrive(unsigned id, unsigned expected, Site site) {
    if (id >= 16) raise_at(FaultKind::divergent_barrier, site, concat("there is no barrier ", id, ": a block has 16"));
    if (expected % 32)
        raise_at(FaultKind::divergent_barrier, site, concat("barrier ", id, " for ", expected, " threads: no multiple of a warp's 32"));
    Barrier& barrier = current->block->barriers[id];
    if (barrier.arrived > 0) {
        if (barrier.expected != expected)
            raise_at(FaultKind::divergent_barrier, site,
                     concat("barrier ", id, " is waited at for ", barrier.expected, " threads and now for ", expected));
    } else {
        barrier.expected = expected;
        barrier.site = site;
    }
    return barrier;
}

}  // namespace

BarrierResult barrier_sync(unsigned id, unsigned expected, bool predicate, Site site) {
    Barrier& barrier = arrive(id, expected, site);
    if (!barrier.waiting.empty() && expected == 0 && !(barrier.site == site))
        raise_at(FaultKind::divergent_barrier, site,
                 concat("threads of one block at two barriers: thread ", barrier.waiting.front()->index, " waits at ", barrier.site.text(),
                        ", thread ", current->index, " comes to another"));
    ++barrier.arrived;
    barrier.predicates += predicate;
    monitor::barrier_arrives(barrier, *current);
    barrier.waiting.push_back(current);
    if (complete(barrier, *current->block)) open_barrier(barrier);
    wait("barrier", site);
    return {barrier.result, barrier.total};
}

void barrier_arrive(unsigned id, unsigned expected, Site site) {
    if (expected == 0) raise_at(FaultKind::divergent_barrier, site, "an arrival without waiting must say for how many threads");
    Barrier& barrier = arrive(id, expected, site);
    ++barrier.arrived;
    monitor::barrier_arrives(barrier, *current);
    if (complete(barrier, *current->block)) open_barrier(barrier);
}

void meet(const char* name, uint32_t mask, void* arguments, void (*function)(void* const*, uint32_t), bool orders_memory, Site site) {
    Thread& self = *current;
    Warp& warp = *self.warp;
    const uint32_t own = 1u << self.lane;
    char text[160];
    if (!(mask & own)) {
        std::snprintf(text, sizeof text, "%s with mask %08x is called by lane %d, which the mask does not name", name, mask, self.lane);
        raise_at(FaultKind::wrong_mask, site, text);
    }
    size_t at = warp.pending.size();
    for (size_t i = 0; i < warp.pending.size(); ++i) {
        const Collective& group = warp.pending[i];
        if (group.mask == mask) {
            if (std::strcmp(group.name, name) != 0 || !(group.site == site)) {
                std::snprintf(text, sizeof text, "lanes %08x wait at %s (%s), lane %d of the same mask %08x comes to %s", group.arrived,
                              group.name, group.site.text().c_str(), self.lane, mask, name);
                raise_at(FaultKind::wrong_mask, site, text);
            }
            at = i;
        } else if ((group.mask & own) && (group.arrived & mask)) {
            std::snprintf(text, sizeof text, "lanes %08x wait at %s with mask %08x, lane %d comes to %s with mask %08x", group.arrived,
                          group.name, group.mask, self.lane, name, mask);
            raise_at(FaultKind::wrong_mask, site, text);
        }
    }
    if (at == warp.pending.size()) {
        warp.pending.push_back({});
        Collective& group = warp.pending.back();
        group.mask = mask;
        group.name = name;
        group.site = site;
        group.complete = function;
        group.orders_memory = orders_memory;
    }
    Collective& group = warp.pending[at];
    group.arrived |= own;
    group.arguments[self.lane] = arguments;
    if ((group.mask & warp.live) == group.arrived) {
        complete_collective(warp, at, function);
        return;
    }
    wait(name, site);
}

void* shared_array(const void* key, size_t bytes, size_t align) {
    Block& block = *current->block;
    for (const SharedArray& array : block.shared)
        if (array.key == key) return array.host;
    align = std::max<size_t>(align, 16);
    const bool dynamic = key == current_launch;
    const size_t fixed = block.shared_bytes + (dynamic ? 0 : bytes);
    if (fixed > architecture().shared_static)
        raise(FaultKind::launch_limit, concat(fixed, " bytes of static shared memory: at most ", architecture().shared_static));
    if (fixed + current_launch->dynamic_shared > architecture().shared_opt_in)
        raise(FaultKind::launch_limit, concat(fixed, " bytes of static and ", current_launch->dynamic_shared,
                                              " of dynamic shared memory: the device has ", architecture().shared_opt_in, " a block"));
    block.shared_bytes = fixed;
    auto* host = static_cast<char*>(allocate_exact(bytes, std::max<size_t>(align, 128), true));
    block.shared_end = static_cast<uint32_t>((block.shared_end + align - 1) / align * align);
    block.shared.push_back({key, host, bytes, block.shared_end});
    block.shared_end += static_cast<uint32_t>(bytes);
    return host;
}

void* dynamic_shared() { return shared_array(current_launch, current_launch->dynamic_shared, 1024); }

bool in_shared_array(const void* address) {
    const auto* at = static_cast<const char*>(address);
    const auto& all = current->block->shared;
    return std::any_of(all.begin(), all.end(), [=](const SharedArray& array) { return at >= array.host && at < array.host + array.bytes; });
}

uint32_t shared_offset(const void* address, Site site) {
    const auto* at = static_cast<const char*>(address);
    for (const SharedArray& array : current->block->shared)
        if (at >= array.host && at <= array.host + array.bytes) return array.offset + static_cast<uint32_t>(at - array.host);
    raise_at(FaultKind::out_of_bounds, site, "an address that is in no shared array of this block is taken for shared memory");
}

char* shared_pointer(uint32_t offset, size_t bytes, Site site) {
    for (const SharedArray& array : current->block->shared)
        if (offset >= array.offset && offset - array.offset <= array.bytes && bytes <= array.bytes - (offset - array.offset))
            return array.host + (offset - array.offset);
    raise_at(FaultKind::out_of_bounds, site, concat(bytes, " bytes at shared address ", offset, " lie in no shared array of this block"));
}

std::string where(const Thread* thread) {
    std::string text = "in kernel " + describe_code(current_launch->kernel);
    return text + ", block " + triple(thread->block_idx) + ", thread " + triple(thread->thread_idx);
}

}  // namespace purnet::emulator
