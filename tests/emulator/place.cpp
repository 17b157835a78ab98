#include "tests/device/place.h"

#include <cstdlib>

#include "kernels/runtime/accelerators.h"
#include "tests/emulator/engine/engine.h"

namespace purnet::test {

// Whole steps take minutes each. One is part of every test run, once: where each access is watched. PURNET_TEST_FULL=1 runs all of
// them, under the sanitizers too.
Place place() {
    emulator::schedule() = {emulator::Schedule::forward, 0, 1};
    const bool full = std::getenv("PURNET_TEST_FULL") != nullptr;
#ifdef PURNET_EMULATOR_MONITOR
    constexpr bool accesses_are_watched = true;
#else
    constexpr bool accesses_are_watched = false;
#endif
    return {choose_device("cuda").device, accesses_are_watched || full, full, false};
}

}  // namespace purnet::test
