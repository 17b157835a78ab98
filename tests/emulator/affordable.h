// What an emulated run may cost: an emulated thread takes about a hundred nanoseconds.
#pragma once

#include <cstdlib>

#include "tests/records/harness.h"

namespace purnet::test {

// PURNET_TEST_FULL=1 takes more.
inline bool affordable(const record::Direction& direction) { return cost(direction) < (std::getenv("PURNET_TEST_FULL") ? 3e7 : 2e6); }

}  // namespace purnet::test
