// What each rung of the lab's ladders asks of memory, as counted by the monitor: the tables of docs/kernels.md.
#pragma once

#include <string>
#include <vector>

namespace purnet::test {

// Requests are accesses of one warp. Units: global memory in 32-byte sectors, shared memory in turns of its 32 banks; ideal: what the same
// bytes would take if lanes lay side by side.
struct Traffic {
    double requests = 0, units = 0, ideal = 0;
};
struct RungCosts {
    std::string ladder, rung;  // "conv2d float32", "warp"
    Traffic read, write, shared;
};

// In order; empty where the program has no monitor.
std::vector<RungCosts> count_lab();

// The same as one Markdown table a ladder.
std::string table_of(const std::vector<RungCosts>& costs);
std::string lab_costs();

}  // namespace purnet::test
