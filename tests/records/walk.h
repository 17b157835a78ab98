// The cases of a record, one after the other, against its reference: what every test of records does, for the CPU, the emulator, a GPU
// and the rungs of the lab.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/runtime/error.h"
#include "tests/records/harness.h"

namespace purnet::test {

inline std::string full_name(const record::OpRecord& op, const record::Direction& direction, const record::Case& c) {
    return op.name + "." + direction.name + "." + c.label;
}

// Does PURNET_RECORD=op[.direction[.case]], where it is set, take this name?
inline bool selected(const std::string& name) {
    const char* wish = std::getenv("PURNET_RECORD");
    return !wish || name.compare(0, std::string(wish).size(), wish) == 0;
}

struct Walked {
    int cases = 0;                               // that were wanted and selected
    int ran = 0;                                 // runs of a twin: up to two a case and setting
    std::map<std::string, int> directions = {};  // of which in each direction that the record has
};

// What is to be done before a twin runs, with a name for reports.
struct Setting {
    std::string name;
    std::function<void()> enter;
};

// check_twin, where what it throws is a failure too.
inline Outcome outcome_of(const record::OpRecord& op, const record::Case& c, const record::Direction& direction, Key key, Mode mode) {
    try {
        return check_twin(op, c, direction, key, mode);
    } catch (const Error& e) {
        Outcome outcome;
        outcome.failure = full_name(op, direction, c) + ": " + e.what();
        return outcome;
    }
}

// The selected directions for which wanted(case, direction), in both modes and under each setting; the reference is asked once for all of
// these. `title` begins what is said.
template <class Wanted>
Walked walk(const record::OpRecord& op, Key key, const std::string& title, Wanted&& wanted,
            const std::vector<Setting>& settings = {{"", [] {}}}) {
    Walked walked;
    double worst = 0;
    std::vector<std::vector<record::Case>> cases;  // of each setting: workspaces may differ
    for (const Setting& setting : settings) {
        setting.enter();
        cases.push_back(op.cases());
    }
    for (const auto& list : cases) {
        REQUIRE(list.size() == cases[0].size());
        for (size_t i = 0; i < list.size(); ++i) REQUIRE(list[i].label == cases[0][i].label);
    }
    for (size_t i = 0; i < cases[0].size(); ++i)
        for (size_t d = 0; d < cases[0][i].directions.size(); ++d) {
            int& of_direction = walked.directions[cases[0][i].directions[d].name];
            if (!selected(full_name(op, cases[0][i].directions[d], cases[0][i])) || !wanted(cases[0][i], cases[0][i].directions[d]))
                continue;
            ++walked.cases;
            for (const Mode mode : {Mode::exact, Mode::real})
                for (size_t s = 0; s < settings.size(); ++s) {
                    settings[s].enter();
                    const Outcome outcome = outcome_of(op, cases[s][i], cases[s][i].directions.at(d), key, mode);
                    walked.ran += outcome.ran;
                    of_direction += outcome.ran;
                    worst = std::max(worst, outcome.worst_ratio);
                    CHECK_MESSAGE(outcome.failure.empty(), title, " ", settings[s].name, ": ", outcome.failure);
                }
        }
    if (walked.ran) MESSAGE(title, " ", name_of(key.dtype), ": ", walked.ran, " runs, largest error / bound ", worst);
    return walked;
}

}  // namespace purnet::test
