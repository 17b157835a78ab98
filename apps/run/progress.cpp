#include "apps/run/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace purnet {
namespace {

constexpr double redraw_seconds = 0.1, first_line_seconds = 5, longest_interval = 600;

ProgressStyle chosen_style() {
    if (console().quiet) return ProgressStyle::none;
    if (console().progress != ProgressStyle::automatic) return console().progress;
    return is_terminal(stderr) ? ProgressStyle::bar : ProgressStyle::plain;
}

std::string rate_text(double rate) {
    char text[32];
    std::snprintf(text, sizeof text, rate >= 100 ? "%.0f" : rate >= 10 ? "%.1f" : "%.2f", rate);
    return text;
}

}  // namespace

std::string duration_text(double seconds) {
    const int64_t s = std::llround(std::clamp(seconds, 0.0, 1e9));
    if (s < 90) return std::to_string(s) + " s";
    const int64_t minutes = (s + 30) / 60;
    if (minutes < 90) return std::to_string(minutes) + " min";
    if (minutes < 48 * 60) return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
    return std::to_string(minutes / 1440) + " d " + std::to_string(minutes % 1440 / 60) + " h";
}

Progress::Progress(std::string what, int64_t total) : what_(std::move(what)), total_(total), style_(chosen_style()), begin_(Clock::now()) {
    interval_ = style_ == ProgressStyle::bar ? redraw_seconds : first_line_seconds;
    next_ = begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
    if (style_ == ProgressStyle::bar) occupy_last_line(this);
}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t more) {
    {
        const std::lock_guard lock(mutex_);
        done_ += more;
    }
    show_if_due();
}

void Progress::note(std::string text) {
    const std::lock_guard lock(mutex_);
    note_ = std::move(text);
}

void Progress::show_if_due() {
    std::string text;
    {
        const std::lock_guard lock(mutex_);
        const Clock::time_point now = Clock::now();
        if (finished_ || style_ == ProgressStyle::none || now < next_) return;
        if (style_ == ProgressStyle::plain) interval_ = std::min(interval_ * 1.5, longest_interval);
        next_ = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
        if (style_ == ProgressStyle::plain) text = line_unlocked();
    }
    // Outside the lock: the console calls back into the bar.
    if (style_ == ProgressStyle::plain)
        write_line(text);
    else
        redraw_last_line();
}

void Progress::finish() {
    {
        const std::lock_guard lock(mutex_);
        if (finished_) return;
        finished_ = true;
    }
    if (style_ == ProgressStyle::bar) occupy_last_line(nullptr);
}

std::string Progress::line() const {
    const std::lock_guard lock(mutex_);
    return line_unlocked();
}

std::string Progress::line_unlocked() const {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::string text = std::to_string(done_);
    if (total_ >= 0) text += "/" + std::to_string(total_);
    text += " " + what_;
    if (done_ > 0 && seconds > 0) {
        const double rate = static_cast<double>(done_) / seconds;
        text += ", " + rate_text(rate) + "/s";
        if (total_ > done_) text += ", " + duration_text(static_cast<double>(total_ - done_) / rate) + " left";
    }
    if (!note_.empty()) text += ", " + note_;
    return text;
}

void Progress::wipe() {
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
}

void Progress::redraw() {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    const std::string text = line_unlocked();
    const int width = terminal_width(stderr, 80) - 1;
    std::string bar;
    const int room = std::min(30, width - static_cast<int>(text.size()) - 3);
    if (total_ > 0 && room >= 8) {
        const int full =
            static_cast<int>(static_cast<double>(room) * static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_));
        bar = "[" + std::string(static_cast<size_t>(full), '=') + std::string(static_cast<size_t>(room - full), ' ') + "] ";
    }
    const std::string shown = (bar + text).substr(0, static_cast<size_t>(std::max(width, 1)));
    std::fprintf(stderr, "\r%s\x1b[K", shown.c_str());
    std::fflush(stderr);
}

}  // namespace purnet
