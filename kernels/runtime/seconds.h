// Time for measurements.
#pragma once

#include <chrono>

namespace purnet {

// Seconds of a clock that never goes back. Its zero means nothing; differences do.
inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace purnet
