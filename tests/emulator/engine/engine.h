// The scheduler: runs the blocks of a launch with every CUDA thread as a fiber.
//
// The scheduler, not the barrier, picks who runs next. A thread is ready, waiting (at a block barrier, a warp collective, an
// asynchronous object, a condition) or exited. Threads that never wait run one after the other on one fiber, so plain
// elementwise kernels cost a function call a thread. When nothing is ready and threads still wait, the launch ends with a
// Fault that names every place where threads wait.
//
// Everything here runs on the operating-system thread that launched: one launch at a time, no locks inside.
// What it can't show: speed, register pressure, weak memory order beyond fences, preemption between two waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/engine/fault.h"
#include "tests/emulator/engine/fiber.h"
#include "tests/emulator/include/vector_types.h"

namespace purnet::emulator {

struct Block;
struct Warp;
struct ThreadClock;
struct Knowledge;
struct Gathered;
struct AsyncState;

// One CUDA thread.
struct Thread {
    Thread();
    ~Thread();
    Thread(Thread&&) noexcept;
    Thread& operator=(Thread&&) noexcept;

    uint3 thread_idx{};
    uint3 block_idx{};
    Block* block = nullptr;
    Warp* warp = nullptr;
    unsigned index = 0;  // linear in the block
    int lane = 0;
    bool exited = false;
    bool waited_for_launches = false;
    Fiber* fiber = nullptr;  // null until it runs
    const char* waits_for = nullptr;
    Site site{nullptr, 0};
    std::unique_ptr<AsyncState> async;   // its asynchronous copies, from the first one on
    std::shared_ptr<ThreadClock> clock;  // the monitor's
};

// A rendezvous that lanes of a warp wait at: each brings the address of a structure on its own stack.
struct Collective {
    uint32_t mask = 0;
    uint32_t arrived = 0;
    const char* name = nullptr;
    Site site{nullptr, 0};
    void* arguments[32] = {};
    void (*complete)(void* const* lanes, uint32_t lanes_here) = nullptr;
    bool orders_memory = false;
};

struct Warp {
    Thread* lanes[32] = {};  // null beyond the block's end
    uint32_t live = 0;       // lanes that exist and have not exited
    std::vector<Collective> pending;
};

struct Barrier {
    Site site{nullptr, 0};
    unsigned expected = 0;  // threads; 0 = all that have not exited
    unsigned arrived = 0;
    unsigned predicates = 0;
    std::vector<Thread*> waiting;
    unsigned total = 0, result = 0;      // of the last time it opened: threads that came, true predicates
    std::shared_ptr<Gathered> gathered;  // the monitor's: what is ordered before its opening
};

struct BarrierResult {
    unsigned count, total;
};

// One array of shared memory: a heap block of its own, and a place in the 32-bit shared address window.
struct SharedArray {
    const void* key;
    char* host;
    size_t bytes;
    uint32_t offset;
};

struct Block {
    uint3 index{};
    uint32_t id = 0;  // linear in the grid
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    unsigned live = 0;
    Barrier barriers[16];
    std::vector<SharedArray> shared;
    size_t shared_bytes = 0;
    uint32_t shared_end = 0;
    std::shared_ptr<void> async;                         // mbarriers, copy engine: see async.cpp
    std::shared_ptr<const Knowledge> initial_knowledge;  // the monitor's
};

struct Launch {
    dim3 grid, block;
    size_t dynamic_shared = 0;
    const void* kernel = nullptr;
    std::function<void()> body;  // one thread
    bool early = false;          // it may begin before the launches ahead of it have ended: its threads must wait for those
};

struct Schedule {
    enum Order { forward, reverse, shuffled };
    Order order = forward;
    uint64_t seed = 0;
    unsigned resident = 1;  // blocks in flight at a time
};

// The order in which the next launches run.
Schedule& schedule();

// The limits that a launch is checked against. Device 0 stands for sm_90, device 1 for sm_80; cudaSetDevice chooses.
struct Architecture {
    int major, minor;
    size_t shared_opt_in;
    size_t shared_static = 48 * 1024;
    int multiprocessors = 4;  // few, so that kernels of one wave loop even on small tensors
};
inline constexpr Architecture architectures[] = {{9, 0, 227 * 1024}, {8, 0, 163 * 1024}};
int& device_index();
inline const Architecture& architecture() { return architectures[device_index()]; }

struct Counters {
    uint64_t launches = 0, overlapping = 0, blocks = 0, threads = 0, switches = 0, barriers = 0, collectives = 0;
};
Counters& counters();

// The thread that runs; null on the host.
extern Thread* current;
extern const Launch* current_launch;

// Runs a launch to its end. Throws Fault.
void run(const Launch& launch);

// ---- called by running threads ----

// Ends the launch with a Fault; on the host simply throws.
[[noreturn]] void raise(FaultKind kind, std::string&& text);
[[noreturn]] void raise_at(FaultKind kind, Site site, std::string&& text);

// Leaves the processor until wake(thread). `what` names the wait in reports.
void wait(const char* what, Site site);
void wake(Thread* thread);
// Gives other threads a turn; only shuffled schedules take it.
void maybe_yield();
// The wait for the launches ahead (griddepcontrol.wait), and what it is there for: the running thread is about to touch global memory.
// Launches run one after the other here; an early one is held to what it must do where they do not.
void wait_for_launches();
bool waited();  // or had no need to
void check_waited(const char* what, Site site);
// Waits until the condition holds; it is asked again whenever nothing else can run.
void wait_until(const char* what, Site site, std::function<bool()> condition);

// bar.sync / bar.arrive; expected = 0: all threads of the block that have not exited.
BarrierResult barrier_sync(unsigned id, unsigned expected, bool predicate, Site site);
void barrier_arrive(unsigned id, unsigned expected, Site site);

// Meets the other lanes of `mask`; the last one to arrive calls complete(arguments of all lanes by number, mask of lanes that
// came). A lane of the mask that has exited counts as arrived and has null arguments. orders_memory: what the lanes did
// before is ordered before what they do after (only __syncwarp).
void meet(const char* name, uint32_t mask, void* arguments, void (*complete)(void* const* lanes, uint32_t lanes_here), bool orders_memory,
          Site site);

// The shared array that belongs to `key` (one address a declaration), made by the first thread that gets there.
void* shared_array(const void* key, size_t bytes, size_t align);
void* dynamic_shared();

// Position in the 32-bit window of shared addresses and back. Faults where [address, address + bytes) is no part of one array.
uint32_t shared_offset(const void* address, Site site);
char* shared_pointer(uint32_t offset, size_t bytes, Site site);
// Is it an address in a shared array of the running thread's block?
bool in_shared_array(const void* address);

// "kernel X, block (1,0,0), thread (3,0,0)" of the running thread.
std::string where(const Thread* thread);
// "function at file:line" of a code address; of one in a building block (kernels/tile) also ", called by function at file:line".
std::string describe_code(const void* address);

}  // namespace purnet::emulator
