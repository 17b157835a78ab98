#include "apps/run/bus_error.h"

#include <signal.h>
#include <unistd.h>

#include "core/plan/packed_file.h"

namespace purnet {
namespace {

constexpr char sentence[] =
    "purnet: error: the file of packed weights became shorter, or its disk failed, while it was in use; start again (--packed off does "
    "without)\n";

void on_bus_error(int number, siginfo_t* info, void*) {
    if (info->si_code > 0 && PackedFile::holds(info->si_addr)) {
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, sentence, sizeof sentence - 1);
        ::_exit(1);
    }
    ::signal(number, SIG_DFL);
    ::raise(number);
}

}  // namespace

void explain_bus_errors() {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace purnet
