#include "data/loader/loader.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/random/philox.h"
#include "data/loader/prepare.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet {
namespace {

// The step has the machine first: on Linux a thread can be nicer than its process.
void yield_to_others() {
    const auto self = static_cast<id_t>(syscall(SYS_gettid));
    setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + 3);
}

}  // namespace

struct Loader::State {
    const DataSet& set;
    std::vector<int64_t> items;
    LoaderOptions options;
    RandomStream order{0, ""}, draws{0, ""}, scale{0, ""};

    std::mutex mutex;
    std::condition_variable changed;
    std::map<int64_t, Batch> ready;
    std::map<int64_t, std::exception_ptr> failed;
    int64_t next_to_make = 0, next_to_give = 0;
    bool stopping = false;
    double waited = 0;

    std::mutex cache_mutex;
    std::vector<std::shared_ptr<const Prepared>> cache;
    std::atomic<size_t> cache_used{0};

    // The order of the two epochs around the current position.
    std::mutex order_mutex;
    std::map<int64_t, std::vector<int64_t>> epochs;

    std::vector<std::thread> workers;

    State(const DataSet& s, std::vector<int64_t> i, const LoaderOptions& o) : set(s), items(std::move(i)), options(o) {
        order = RandomStream(o.seed, "data order");
        draws = RandomStream(o.seed, "augmentation");
        scale = RandomStream(o.seed, "scale");
        cache.resize(items.size());
    }

    int64_t item_at(int64_t position) {
        const int64_t n = static_cast<int64_t>(items.size()), epoch = position / n;
        std::lock_guard lock(order_mutex);
        auto& permutation = epochs[epoch];
        if (permutation.empty()) {
            permutation = order.permutation(static_cast<uint64_t>(epoch), n);
            while (epochs.begin()->first < epoch - 1) epochs.erase(epochs.begin());
        }
        return permutation[static_cast<size_t>(position % n)];
    }

    std::shared_ptr<const Prepared> prepared(int64_t index) {
        {
            std::lock_guard lock(cache_mutex);
            if (cache[static_cast<size_t>(index)]) return cache[static_cast<size_t>(index)];
        }
        const int largest =
            options.multi_scale.empty() ? options.size : *std::max_element(options.multi_scale.begin(), options.multi_scale.end());
        auto made = std::make_shared<const Prepared>(prepare(set, static_cast<size_t>(items[static_cast<size_t>(index)]), largest,
                                                             options.superpixels, options.compactness, options.superpixel_cache.get()));
        std::lock_guard lock(cache_mutex);
        if (!cache[static_cast<size_t>(index)] && cache_used + made->bytes() <= options.cache_bytes) {
            cache[static_cast<size_t>(index)] = made;
            cache_used += made->bytes();
        }
        return made;
    }

    Batch make(int64_t step) {
        Batch batch;
        batch.step = step;
        batch.n = options.batch;
        const int side = options.multi_scale.empty()
                             ? options.size
                             : options.multi_scale[static_cast<size_t>(bounded(
                                   scale.word(static_cast<uint64_t>(step), 0) * uint64_t{0x100000001}, options.multi_scale.size()))];
        batch.h = batch.w = side;
        for (int j = 0; j < batch.n; ++j) {
            const int64_t index = item_at(step * batch.n + j);
            RandomDraws random(draws, static_cast<uint64_t>(step), static_cast<uint64_t>(j));
            prepared(index)->add_to(batch.source, draw_augmentation(options.augment, random));
            batch.names.push_back(set.name(static_cast<size_t>(items[static_cast<size_t>(index)])));
        }
        if (options.carry_out) carry_out_changes(batch);
        return batch;
    }

    void work() {
        yield_to_others();
        const SerialScope serial;
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [&] { return stopping || next_to_make < next_to_give + options.depth; });
            if (stopping) return;
            const int64_t step = next_to_make++;
            lock.unlock();
            Batch batch;
            std::exception_ptr error;
            try {
                batch = make(step);
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            if (error)
                failed[step] = error;
            else
                ready[step] = std::move(batch);
            changed.notify_all();
        }
    }
};

Loader::Loader(const DataSet& set, std::vector<int64_t> items, const LoaderOptions& options, int64_t first_step) {
    check_options(options.augment);
    if (items.empty()) {
        items.resize(set.size());
        std::iota(items.begin(), items.end(), int64_t{0});
    }
    require(!items.empty(), "no pictures to train on");
    require(options.batch >= 1 && options.workers >= 1 && options.depth >= 1, "a loader needs a batch, a worker and a depth of 1 or more");
    state_ = std::make_unique<State>(set, std::move(items), options);
    state_->next_to_make = state_->next_to_give = first_step;
    for (int i = 0; i < options.workers; ++i) state_->workers.emplace_back([s = state_.get()] { s->work(); });
}

Loader::~Loader() {
    {
        std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->changed.notify_all();
    for (std::thread& worker : state_->workers) worker.join();
}

Batch Loader::next() {
    State& s = *state_;
    const double begin = seconds_now();
    std::unique_lock lock(s.mutex);
    const int64_t step = s.next_to_give;
    s.changed.wait(lock, [&] { return s.ready.count(step) || s.failed.count(step); });
    s.waited += seconds_now() - begin;
    if (const auto error = s.failed.find(step); error != s.failed.end()) std::rethrow_exception(error->second);
    Batch batch = std::move(s.ready[step]);
    s.ready.erase(step);
    ++s.next_to_give;
    s.changed.notify_all();
    return batch;
}

double Loader::seconds_waited() const {
    std::lock_guard lock(state_->mutex);
    return state_->waited;
}

}  // namespace purnet
