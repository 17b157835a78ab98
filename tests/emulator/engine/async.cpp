#include "tests/emulator/engine/async.h"

#include <cstring>
#include <deque>

#include "tests/emulator/engine/copy_engine.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {

struct AsyncState {
    struct Copy {
        char* destination;
        const char* source;
        unsigned bytes, source_bytes;
        Site site;
        unsigned char snapshot[16];
    };
    std::vector<Copy> open;                // issued, not yet in a group
    std::deque<std::vector<Copy>> groups;  // committed, oldest first
};

// Defined here, where AsyncState is complete.
Thread::Thread() = default;
Thread::~Thread() = default;
Thread::Thread(Thread&&) noexcept = default;
Thread& Thread::operator=(Thread&&) noexcept = default;

namespace {

AsyncState& state_of(Thread& thread) {
    if (!thread.async) thread.async = std::make_unique<AsyncState>();
    return *thread.async;
}

void land(const AsyncState::Copy& copy) {
    if (std::memcmp(copy.snapshot, copy.source, copy.source_bytes) != 0)
        raise_at(FaultKind::missing_wait, copy.site, "the source of an asynchronous copy changed before the copy was waited for");
    monitor::write(copy.destination, copy.bytes, copy.site, true);
    std::memcpy(copy.destination, copy.snapshot, copy.source_bytes);
    std::memset(copy.destination + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
}

}  // namespace

void cp_async(uint32_t destination, const void* source, unsigned bytes, unsigned source_bytes, Site site) {
    if (bytes != 4 && bytes != 8 && bytes != 16)
        raise_at(FaultKind::unsupported, site, concat("cp.async of ", bytes, " bytes: 4, 8 or 16 exist"));
    if (source_bytes > bytes) raise_at(FaultKind::unsupported, site, concat("cp.async copies ", source_bytes, " bytes to ", bytes));
    if (destination % bytes || reinterpret_cast<uintptr_t>(source) % bytes)
        raise_at(FaultKind::misaligned, site, concat("cp.async of ", bytes, " bytes from ", source, " to shared address ", destination));
    if (source_bytes > 0) check_waited("an asynchronous copy", site);
    AsyncState::Copy copy{shared_pointer(destination, bytes, site), static_cast<const char*>(source), bytes, source_bytes, site, {}};
    monitor::read(source, source_bytes, site);
    monitor::write(copy.destination, bytes, site);
    monitor::begins_to_change(copy.destination, bytes);
    std::memcpy(copy.snapshot, source, source_bytes);
    std::memset(copy.destination, 0xff, bytes);
    state_of(*current).open.push_back(copy);
}

void cp_async_commit() {
    AsyncState& state = state_of(*current);
    state.groups.push_back(std::move(state.open));
    state.open.clear();
}

void cp_async_wait(unsigned groups_left, Site) {
    if (!current->async) return;
    auto& groups = current->async->groups;
    while (groups.size() > groups_left) {
        for (const AsyncState::Copy& copy : groups.front()) land(copy);
        groups.pop_front();
    }
}

void check_async_at_exit(Thread& thread) {
    check_block_at_exit(thread);
    if (!thread.async) return;
    const AsyncState& state = *thread.async;
    for (const auto& group : state.groups)
        if (!group.empty()) raise_at(FaultKind::missing_wait, group.front().site, "a thread exits without having waited for its copies");
    if (!state.open.empty()) raise_at(FaultKind::missing_wait, state.open.front().site, "a thread exits with copies that are in no group");
}

}  // namespace purnet::emulator
