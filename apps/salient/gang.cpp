#include "apps/salient/gang.h"

#include <algorithm>
#include <atomic>

#include "kernels/runtime/parallel.h"

namespace purnet {

void Gang::open() {
    std::lock_guard lock(mutex_);
    working_ = false;
    changed_.notify_all();
}

void Gang::notify() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
}

void Gang::run(const Job& job) {
    Asked asked{&job};
    {
        std::unique_lock lock(mutex_);
        if (working_) {
            asked_.push_back(&asked);
            changed_.notify_all();
            changed_.wait(lock, [&] { return asked.done || (!working_ && !asked.taken); });
            if (asked.error) std::rethrow_exception(asked.error);
            if (asked.done) return;
            asked_.erase(std::find(asked_.begin(), asked_.end(), &asked));
        }
    }
    job();
}

// The first of those asked for; unlocked meanwhile.
void Gang::do_asked(std::unique_lock<std::mutex>& lock) {
    Asked& asked = *asked_.front();
    asked_.pop_front();
    asked.taken = true;
    lock.unlock();
    try {
        (*asked.job)();
    } catch (...) {
        asked.error = std::current_exception();
    }
    lock.lock();
    asked.done = true;
    changed_.notify_all();
}

void Gang::work(std::vector<Job> own) {
    std::atomic<size_t> next{0};
    // One part a thread. Each takes what was asked for first: who asked waits, and may ask for more.
    parallel_for(thread_count(), 1, [&](int64_t, int64_t) {
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                if (!asked_.empty()) {
                    do_asked(lock);
                    continue;
                }
            }
            const size_t i = next++;
            if (i >= own.size()) return;
            own[i]();
        }
    });
}

void Gang::work_until(const std::function<bool()>& is_ready) {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return !working_ || !asked_.empty() || is_ready(); });
        if (!working_ || is_ready()) return;
        do_asked(lock);
    }
}

}  // namespace purnet
