// Several ways compute the same thing; which one is fastest depends on the machine. This is where it is known: by an estimate, told
// from an earlier run, or measured, on every device alike.
//
//     const std::string way = choices::choose("conv2d forward n8 ...", {"mma 64x64", "wgmma 128x64"}, "mma 64x64", milliseconds);
//
// Measuring runs every way once and takes the fastest, unless the estimate's is within a twentieth of it. What was measured can be kept as
// text and told to a later process, whose results are then the same. Ways differ in rounding, so results are the same in every run only
// under the same choices; as long as nobody measures and nobody tells anything, each is the estimate's: a fixed table.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace purnet::choices {

// What is computed, and with what -> name of the way.
using Known = std::map<std::string, std::string>;

// Whether what is not known is measured. Off at first.
void measure(bool on);
// All that was measured or told.
Known known();
// Forgets what was known. Lines that name no way of their problem are ignored when it comes up.
void know(const Known& choices);
// False while choose() would give the estimate for any key.
bool any();

// Told of every measuring when it ends: milliseconds by way, infinite where a way failed. Must ask nothing of choices. Null: nobody.
using Listener = std::function<void(const std::string& key, const std::map<std::string, double>& milliseconds)>;
void on_measured(Listener listener);

// One of `ways`, to which `estimate` belongs. milliseconds(way) runs it, not while other kernels run; while launches are recorded
// (launch_graph.h) nothing is measured. Its blocks are no reserve's (memory_reserve.h).
std::string choose(const std::string& key, const std::vector<std::string>& ways, const std::string& estimate,
                   const std::function<double(const std::string& way)>& milliseconds);

}  // namespace purnet::choices
