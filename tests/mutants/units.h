// What can catch a mutant: one direction of one case of a record, with one element type, in one mode, on one of the emulator's devices;
// or one test case of the emulator.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace purnet::mutants {

struct Unit {
    std::string name;
    std::string group;                 // units of one group take the same way through the kernels, mostly
    std::function<std::string()> run;  // what failed, empty where nothing did
    double seconds = 0;                // without a mutant
    std::vector<int> reaches;          // mutants
};

// Every unit that is affordable (tests/emulator/affordable.h) and not a real network's layer.
std::vector<Unit> record_units();
// The emulator's own test cases, as doctest knows them by name.
std::vector<Unit> test_units(const std::vector<std::string>& names);

}  // namespace purnet::mutants
