#include "apps/run/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace purnet {
namespace {

std::atomic<int> received{0};
// Filled before the handler is installed; the handler may only read.
char message[200];
size_t message_size = 0;

void on_signal(int number) {
    int none = 0;
    if (!received.compare_exchange_strong(none, number)) ::_exit(128 + number);
    const int before = errno;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message, message_size);
    errno = before;
}

}  // namespace

void watch_signals(const std::string& doing) {
    const std::string text = "\npurnet: " + doing + "; once more stops at once\n";
    message_size = std::min(text.size(), sizeof message);
    std::memcpy(message, text.data(), message_size);
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction inherited {};
        ::sigaction(number, nullptr, &inherited);
        if (inherited.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);  // nohup means it
    }
}

bool stop_requested() { return received.load(std::memory_order_relaxed) != 0; }

int stop_exit_code() {
    const int number = received.load(std::memory_order_relaxed);
    return number ? 128 + number : 0;
}

}  // namespace purnet
