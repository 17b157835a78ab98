// Where the tests of this folder compute. The emulator's programs and gpu_tests link the same tests, each with a place of its own.
#pragma once

#include "kernels/runtime/device.h"

namespace purnet::test {

struct Place {
    Device device;
    bool one_step = true;    // run a whole training step: minutes on emulated kernels
    bool all_steps = false;  // run those of every stage of both recipes
    bool large = false;      // take problems of the networks' sizes
};

// Each call puts the emulator's schedule back to the order of the threads.
Place place();

}  // namespace purnet::test
