// Work on pictures by the threads of a network that takes every core of a machine, between two of its runs.
//
// A thread of its own that decodes a picture takes a core from one of the network's threads, and the others wait for that one at the end
// of their layer: a millisecond on one core is a millisecond of all. Nor may it decode between two runs, for the network's threads spin
// there for a while, in wait for the next layer. So they do the work themselves, several pieces at once.
//
//     gang.run(decode);              // in any thread: returns when it is done
//     gang.work(renders);            // in the network's: these, and what others have asked for meanwhile
//     gang.work_until(is_ready);     // likewise; is_ready is asked again after every notify()
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace purnet {

class Gang {
public:
    using Job = std::function<void()>;

    // Without `working`, run() does its job where it is called, and so it is after open(): the network computes elsewhere, or leaves cores
    // free, or has ended.
    explicit Gang(bool working) : working_(working) {}
    Gang(const Gang&) = delete;
    Gang& operator=(const Gang&) = delete;

    bool working() const { return working_; }
    void open();
    void notify();

    // What the job throws leaves here.
    void run(const Job& job);
    // What a job of `own` throws leaves here, after all are done.
    void work(std::vector<Job> own);
    void work_until(const std::function<bool()>& is_ready);

private:
    struct Asked {
        const Job* job;
        bool taken = false, done = false;
        std::exception_ptr error = nullptr;
    };
    void do_asked(std::unique_lock<std::mutex>& lock);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Asked*> asked_;  // not taken yet
    bool working_;
};

}  // namespace purnet
