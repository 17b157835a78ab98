#include "tests/emulator/engine/clock.h"

#include <algorithm>

#include "tests/emulator/engine/block_async.h"

namespace purnet::emulator::order {
namespace {

constexpr uint32_t most_epochs = 0xffff;

void raise_to(Epochs& to, const Epochs& from) {
    if (to.size() < from.size()) to.resize(from.size(), 0);
    for (size_t i = 0; i < from.size(); ++i) to[i] = std::max(to[i], from[i]);
}

std::shared_ptr<const Others> merged(const std::shared_ptr<const Others>& a, const std::shared_ptr<const Others>& b) {
    if (!b || a == b) return a;
    if (!a) return b;
    auto result = std::make_shared<Others>(*a);
    for (const auto& [block, epochs] : *b) {
        auto& own = (*result)[block];
        if (!own || own == epochs) {
            own = epochs;
        } else {
            auto both = std::make_shared<Epochs>(*own);
            raise_to(*both, *epochs);
            own = std::move(both);
        }
    }
    return result;
}

void next_epoch(Thread& thread) {
    if (++thread.clock->own > most_epochs)
        raise(FaultKind::unsupported, "more than 65535 synchronisations of one thread under the monitor");
}

// The thread's knowledge of its own block with its warp and itself.
Epochs epochs_of(const Thread& thread) {
    Epochs all = thread.clock->known->threads;
    const unsigned first = thread.index - static_cast<unsigned>(thread.lane);
    for (unsigned lane = 0; lane < 32 && first + lane < thread.block->threads.size(); ++lane)
        all[first + lane] = std::max(all[first + lane], thread.clock->warp[lane]);
    all[thread.index] = thread.clock->own;
    return all;
}

}  // namespace

bool known_to(const Thread& thread, uint32_t block, uint32_t of_thread, uint32_t epoch) {
    const ThreadClock& clock = *thread.clock;
    if (block == thread.block->id) {
        if (of_thread == thread.index) return true;
        if (clock.known->threads[of_thread] >= epoch) return true;
        return of_thread / 32 == thread.index / 32 && of_thread < thread.block->threads.size() && clock.warp[of_thread % 32] >= epoch;
    }
    if (!clock.known->others) return false;
    const auto found = clock.known->others->find(block);
    return found != clock.known->others->end() && (*found->second)[of_thread] >= epoch;
}

void begin(Thread& thread) {
    thread.clock = std::make_shared<ThreadClock>();
    thread.clock->known = thread.block->initial_knowledge;
}

void give(Thread& thread, Gathered& gathered) {
    const ThreadClock& clock = *thread.clock;
    Epochs& all = gathered.all.threads;
    if (all.empty()) all.resize(thread.block->threads.size() + engine_lanes, 0);
    if (gathered.last != clock.known.get()) {
        raise_to(all, clock.known->threads);
        gathered.all.others = merged(gathered.all.others, clock.known->others);
        gathered.last = clock.known.get();
    }
    const unsigned first = thread.index - static_cast<unsigned>(thread.lane);
    for (unsigned lane = 0; lane < 32 && first + lane < thread.block->threads.size(); ++lane)
        all[first + lane] = std::max(all[first + lane], clock.warp[lane]);
    all[thread.index] = clock.own;
    next_epoch(thread);
}

void take(Thread& thread, const std::shared_ptr<const Knowledge>& all) {
    ThreadClock& clock = *thread.clock;
    // Those who met at a block barrier know nothing that it does not hold; others may.
    bool within = true;
    for (size_t i = 0; i < all->threads.size() && within; ++i) within = clock.known->threads[i] <= all->threads[i];
    within = within && (!clock.known->others || clock.known->others == all->others);
    if (within) {
        clock.known = all;
    } else {
        auto both = std::make_shared<Knowledge>(*clock.known);
        raise_to(both->threads, all->threads);
        both->others = merged(both->others, all->others);
        clock.known = std::move(both);
    }
    const unsigned first = thread.index - static_cast<unsigned>(thread.lane);
    for (unsigned lane = 0; lane < 32 && first + lane < thread.block->threads.size(); ++lane)
        clock.warp[lane] = std::max(clock.warp[lane], clock.known->threads[first + lane]);
}

void meet(Warp& warp, uint32_t lanes) {
    uint32_t joined[32] = {};
    std::shared_ptr<const Knowledge> known;
    std::shared_ptr<Knowledge> made;
    for (int lane = 0; lane < 32; ++lane) {
        if (!(lanes >> lane & 1)) continue;
        ThreadClock& clock = *warp.lanes[lane]->clock;
        for (int other = 0; other < 32; ++other) joined[other] = std::max(joined[other], clock.warp[other]);
        joined[lane] = std::max(joined[lane], clock.own);
        if (!known) {
            known = clock.known;
        } else if (clock.known != known && clock.known != made) {
            if (!made) made = std::make_shared<Knowledge>(*known);
            raise_to(made->threads, clock.known->threads);
            made->others = merged(made->others, clock.known->others);
        }
    }
    if (made) known = made;
    for (int lane = 0; lane < 32; ++lane) {
        if (!(lanes >> lane & 1)) continue;
        ThreadClock& clock = *warp.lanes[lane]->clock;
        std::copy(std::begin(joined), std::end(joined), clock.warp);
        clock.known = known;
        next_epoch(*warp.lanes[lane]);
    }
}

void fence(Thread& thread, Scope scope) {
    ThreadClock& clock = *thread.clock;
    if (!clock.seen.empty()) {
        auto all = std::make_shared<Knowledge>(*clock.known);
        auto others = std::make_shared<Others>(all->others ? *all->others : Others{});
        const auto learn = [&](uint32_t block, const std::shared_ptr<const Epochs>& epochs) {
            if (block == thread.block->id) {
                raise_to(all->threads, *epochs);
                return;
            }
            auto& own = (*others)[block];
            if (!own) {
                own = epochs;
            } else if (own != epochs) {
                auto both = std::make_shared<Epochs>(*own);
                raise_to(*both, *epochs);
                own = std::move(both);
            }
        };
        for (const auto& snapshot : clock.seen) {
            if (snapshot->block != thread.block->id && (snapshot->scope == Scope::block || scope == Scope::block)) continue;
            learn(snapshot->block, snapshot->threads);
            if (snapshot->others)
                for (const auto& [block, epochs] : *snapshot->others) learn(block, epochs);
        }
        clock.seen.clear();
        if (!others->empty()) all->others = std::move(others);
        clock.known = std::move(all);
        const unsigned first = thread.index - static_cast<unsigned>(thread.lane);
        for (unsigned lane = 0; lane < 32 && first + lane < thread.block->threads.size(); ++lane)
            clock.warp[lane] = std::max(clock.warp[lane], clock.known->threads[first + lane]);
    }
    clock.fence =
        std::make_shared<Snapshot>(Snapshot{thread.block->id, scope, std::make_shared<Epochs>(epochs_of(thread)), clock.known->others});
    next_epoch(thread);
}

void fence_proxy(Thread& thread) {
    thread.clock->proxy_fences.push_back({thread.clock->own, epochs_of(thread)});
    next_epoch(thread);
}

bool passed_proxy_fence(const Thread& thread, uint32_t of_thread, uint32_t epoch) {
    const auto fenced_by = [&](const Thread& other) {
        const auto& fences = other.clock->proxy_fences;
        return std::any_of(fences.rbegin(), fences.rend(), [&](const ProxyFence& fence) {
            return fence.known[of_thread] >= epoch && known_to(thread, thread.block->id, other.index, fence.at);
        });
    };
    // Mostly it is the writer's own fence, or the own one.
    if (fenced_by(thread.block->threads[of_thread]) || fenced_by(thread)) return true;
    return std::any_of(thread.block->threads.begin(), thread.block->threads.end(), fenced_by);
}

}  // namespace purnet::emulator::order
