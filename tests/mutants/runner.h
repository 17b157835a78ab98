// Runs each mutant in a process of its own against the units that reach it, until one fails.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/mutants/units.h"

namespace purnet::mutants {

struct Verdict {
    bool caught = false;
    std::string how;   // "race", "wrong result", "endless", "crash", ...; of one that lived: how many units it passed
    std::string unit;  // that caught it
};

// Runs each unit once, without a mutant, in `jobs` processes, and fills in its seconds and what it reaches. Returns those that passed.
// What is known is kept in a file, for a run that goes on; `program` names the one it is true of.
std::vector<Unit> measured(std::vector<Unit>&& units, const std::string& path, const std::string& program, int jobs);

struct Limits {
    int jobs = 2;
    double seconds_a_mutant = 60;  // of units, as measured without a mutant; the cheapest of each group first
};

// done(mutant, verdict) as they finish, in any order.
void run_all(const std::vector<int>& mutants, const std::vector<Unit>& units, const Limits& limits,
             const std::function<void(int, const Verdict&)>& done);

}  // namespace purnet::mutants
