// Ctrl-C and SIGTERM: the first asks long work to stop where nothing is lost, the second ends the process at once.
#pragma once

#include <string>

namespace purnet {

// From now on the first signal sets the flag below and says so on stderr ("`doing`; once more stops at once").
void watch_signals(const std::string& doing = "finishing the current step");

bool stop_requested();

// 128 + the signal's number (130, 143), or 0 while none has come.
int stop_exit_code();

}  // namespace purnet
