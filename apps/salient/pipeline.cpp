#include "apps/salient/pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/salient/gang.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/out_of_memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet {
namespace {

constexpr int most_at_once = 8;

// A queue with room for a few elements between two threads; closed by the writer, or by the reader that gives up.
template <class T>
class Channel {
public:
    explicit Channel(size_t room) : room_(room) {}
    bool put(T value) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || queue_.size() < room_; });
        if (closed_) return false;
        queue_.push_back(std::move(value));
        changed_.notify_all();
        return true;
    }
    std::optional<T> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
        if (queue_.empty()) return std::nullopt;
        T value = std::move(queue_.front());
        queue_.pop_front();
        changed_.notify_all();
        return value;
    }
    // take() would not wait.
    bool ready() {
        std::lock_guard lock(mutex_);
        return closed_ || !queue_.empty();
    }
    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> queue_;
    size_t room_;
    bool closed_ = false;
};

// What all pictures on their way may take together: many small ones, or a few large ones. One is always let through.
class Memory {
public:
    bool take_now(size_t bytes) {
        std::lock_guard lock(mutex_);
        return take_if_free(bytes);
    }
    // False: nobody works any more.
    bool take(size_t bytes) {
        std::unique_lock lock(mutex_);
        bool taken = false;
        changed_.wait(lock, [&] { return closed_ || (taken = take_if_free(bytes)); });
        return taken;
    }
    void give_back(size_t bytes) {
        std::lock_guard lock(mutex_);
        used_ -= bytes;
        changed_.notify_all();
    }
    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

private:
    static constexpr size_t most_ = size_t{192} << 20;

    bool take_if_free(size_t bytes) {
        if (used_ > 0 && used_ + bytes > most_) return false;
        used_ += bytes;
        return true;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    size_t used_ = 0;
    bool closed_ = false;
};

struct Loaded {
    StreamPicture picture;
    std::vector<uint8_t> resized;  // empty: the predictor resizes it
    bool room = false;             // no picture, but the wish that those which wait for a whole batch make room
};

struct Finished {
    StreamPicture picture;
    std::vector<float> map;
    std::optional<WriteResult> write = {};  // not there: it has to be rendered yet
};

// So many that their plan's memory stays below an eighth of the machine's, or of what the device has left.
int most_that_fit(Predictor& predictor) {
    const double physical = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGE_SIZE));
    const std::optional<size_t> available = available_memory(predictor.device().type);
    const double memory = available ? static_cast<double>(*available) : physical;
    int most = 1;
    while (most < most_at_once && 2.0 * most * static_cast<double>(predictor.arena_bytes()) < memory / 8) most *= 2;
    return most;
}

}  // namespace

int BatchChoice::last_batch(int ready) const {
    if (ready >= batch_) return batch_;
    if (fixed_) return ready;
    int size = 1;
    while (2 * size <= ready) size *= 2;
    return size;
}

void BatchChoice::measured(int pictures, double seconds) {
    if (!searching_ || pictures != batch_ || ++runs_ < 2) return;
    runs_ = 0;
    const double each = seconds / pictures;
    const bool better = best_seconds_ == 0 || each < 0.95 * best_seconds_;
    if (better) {
        best_ = batch_;
        best_seconds_ = each;
    }
    if (better && 2 * batch_ <= most_) {
        batch_ *= 2;
    } else {
        batch_ = best_;
        searching_ = false;
    }
}

PipelineResult run_pipeline(Predictor& predictor, int batch, const NextPicture& next, const FinishPicture& finish) {
    PipelineResult result;
    BatchChoice choice(batch, batch ? batch : most_that_fit(predictor));
    const size_t room = static_cast<size_t>(batch ? batch : most_at_once) + 2;
    const int side = predictor.size();
    const size_t area = static_cast<size_t>(side) * static_cast<size_t>(side);
    Channel<Loaded> loaded(room);
    Channel<Finished> finished(room);
    Memory memory;
    Gang gang(predictor.device().on_host() && thread_count() >= static_cast<int>(std::thread::hardware_concurrency()));
    std::atomic<bool> given_up{false};
    std::exception_ptr reader_error, writer_error, error;
    std::thread reader([&] {
        const SerialScope serial;
        try {
            for (;;) {
                Loaded l;
                if (!next(l.picture, given_up)) break;
                const Image& rgb = l.picture.rgb;
                gang.run([&] {
                    if (l.picture.decode) l.picture.rgb = l.picture.decode();
                    l.picture.decode = {};
                    if (rgb.pixels.empty() || predictor.resizes_there(rgb.width, rgb.height)) return;
                    l.resized.resize(3 * area);
                    resize_bilinear(rgb.pixels.data(), rgb.height, rgb.width, 3, l.resized.data(), side, side);
                });
                if (rgb.pixels.empty()) continue;
                const size_t bytes = rgb.pixels.size();
                if (!memory.take_now(bytes)) {
                    const bool wanted = loaded.put({.room = true});
                    gang.notify();
                    if (!wanted || !memory.take(bytes)) break;
                }
                if (!loaded.put(std::move(l))) break;
                gang.notify();
            }
        } catch (...) {
            reader_error = std::current_exception();
        }
        loaded.close();
        gang.notify();
    });
    std::thread writer([&] {
        const SerialScope serial;
        try {
            while (std::optional<Finished> done = finished.take()) {
                if (!done->write) done->write = finish(done->picture, done->map);
                if (*done->write) (*done->write)();
                memory.give_back(done->picture.rgb.pixels.size());
            }
        } catch (...) {
            writer_error = std::current_exception();
            given_up = true;
            finished.close();
        }
    });

    std::vector<Loaded> waiting;
    // False when nobody takes the results any more.
    const auto run = [&](int count) {
        const size_t n = static_cast<size_t>(count);
        std::vector<PictureBytes> pictures;
        for (size_t i = 0; i < n; ++i) {
            const Image& rgb = waiting[i].picture.rgb;
            if (waiting[i].resized.empty())
                pictures.push_back({rgb.pixels.data(), rgb.width, rgb.height});
            else
                pictures.push_back({waiting[i].resized.data(), side, side});
        }
        std::vector<float> maps(area * n);
        const double start = seconds_now();
        predictor.maps_of(pictures, maps.data());
        const double seconds = seconds_now() - start;
        result.network_seconds += seconds;
        choice.measured(count, seconds);
        std::vector<Finished> done;
        for (size_t i = 0; i < n; ++i) {
            const auto map = maps.begin() + static_cast<std::ptrdiff_t>(i * area);
            done.push_back({std::move(waiting[i].picture), std::vector<float>(map, map + static_cast<std::ptrdiff_t>(area))});
        }
        waiting.erase(waiting.begin(), waiting.begin() + count);
        if (gang.working()) {
            std::vector<Gang::Job> renders;
            for (Finished& f : done) renders.emplace_back([&f, &finish] { f.write = finish(f.picture, f.map); });
            gang.work(std::move(renders));
        }
        for (Finished& f : done)
            if (!finished.put(std::move(f))) return false;
        return true;
    };
    const auto run_all = [&] {
        bool wanted = true;
        while (wanted && !waiting.empty()) wanted = run(choice.last_batch(static_cast<int>(waiting.size())));
        return wanted;
    };
    try {
        bool wanted = true;
        while (wanted) {
            gang.work_until([&] { return loaded.ready(); });
            std::optional<Loaded> picture = loaded.take();
            if (!picture) {
                run_all();
                break;
            }
            if (picture->room) {
                wanted = run_all();
                continue;
            }
            waiting.push_back(std::move(*picture));
            if (static_cast<int>(waiting.size()) >= choice.batch()) wanted = run(choice.batch());
        }
    } catch (...) {
        error = std::current_exception();
        given_up = true;
    }
    gang.open();
    loaded.close();
    memory.close();
    finished.close();
    reader.join();
    writer.join();
    for (const std::exception_ptr& e : {error, writer_error, reader_error})
        if (e) std::rethrow_exception(e);
    result.batch = choice.batch();
    return result;
}

}  // namespace purnet
