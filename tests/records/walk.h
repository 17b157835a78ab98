// The cases of a record, one after the other, against its reference: what every test of records does, for the CPU, the emulator, a GPU
// and the rungs of the lab.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

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
    int cases = 0;  // that were wanted and selected
    int ran = 0;    // runs of a twin: up to two a case
};

// The selected directions for which wanted(case, direction), in both modes. `title` begins what is said.
template <class Wanted>
Walked walk(const record::OpRecord& op, Key key, const std::string& title, Wanted&& wanted) {
    Walked walked;
    double worst = 0;
    for (const record::Case& c : op.cases())
        for (const record::Direction& direction : c.directions) {
            const std::string name = full_name(op, direction, c);
            if (!selected(name) || !wanted(c, direction)) continue;
            ++walked.cases;
            for (const Mode mode : {Mode::exact, Mode::real}) {
                try {
                    const Outcome outcome = check_twin(op, c, direction, key, mode);
                    walked.ran += outcome.ran;
                    worst = std::max(worst, outcome.worst_ratio);
                    CHECK_MESSAGE(outcome.failure.empty(), title, ": ", outcome.failure);
                } catch (const Error& e) {
                    FAIL_CHECK(title << ": " << name << ": " << e.what());
                }
            }
        }
    if (walked.ran) MESSAGE(title, " ", name_of(key.dtype), ": ", walked.ran, " runs, largest error / bound ", worst);
    return walked;
}

}  // namespace purnet::test
