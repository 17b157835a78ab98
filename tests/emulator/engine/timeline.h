// What was put on the streams of the emulated device, and the order in which it happens.
//
// A step comes behind those it was put behind, in its stream, by an event or in a graph, and behind nothing else. Among the steps that may
// come next one is drawn, so that an order that nobody demanded is not there either: a wait that is missing shows as a wrong result, and,
// under the monitor, as a race between two launches by name.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator::timeline {

using Steps = std::vector<uint64_t>;  // by number, which grows

// forward: as they were put in, and no more than is waited for; reverse: the last one that may; shuffled, unless a test says otherwise: by
// the schedule's seed.
Schedule::Order& order();

// Put in, not run. what: op, shapes and layer, for reports.
uint64_t add(std::string what, std::function<void()> run, const Steps& after);
bool done(const Steps& steps);
// Runs steps until these are done. A Fault of one is thrown; whatever else was under way is forgotten.
void finish(const Steps& steps);
// The same where the host waits for it, for all of them without an argument: what it puts in from here on comes behind them.
void wait(const Steps& steps);
void wait();

}  // namespace purnet::emulator::timeline
