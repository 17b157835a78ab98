// How far a piece of work is, on stderr: a bar where a terminal shows it, else one plain line at growing intervals (after 5 s,
// then at least 1.5 times as long each time, up to 10 min), nothing with --quiet or --progress none. Calls may come from any thread.
//
//     Progress progress("maps", files.size());
//     progress.advance();               // one more done
//     progress.finish();                // a last line, or the bar wiped
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "apps/run/console.h"

namespace purnet {

class Progress : LastLine {
public:
    // total < 0: unknown. `what` is the plural of what is counted.
    Progress(std::string what, int64_t total);
    ~Progress() override;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void advance(int64_t more = 1);
    // Shown behind the numbers, for instance the loss.
    void note(std::string text);
    void finish();

    // "12/400 maps, 31.0/s, 13 s left"
    std::string line() const;

private:
    using Clock = std::chrono::steady_clock;

    void wipe() override;
    void redraw() override;
    std::string line_unlocked() const;
    void show_if_due();

    mutable std::mutex mutex_;
    std::string what_, note_;
    int64_t total_, done_ = 0;
    ProgressStyle style_;
    Clock::time_point begin_, next_;
    double interval_ = 5;
    bool finished_ = false;
};

// "45 s", "12 min", "3 h 20 min", "2 d 4 h"
std::string duration_text(double seconds);

}  // namespace purnet
