#include "tests/emulator/costs.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/runtime/error.h"
#include "tests/emulator/engine/counters.h"

namespace purnet::test {

namespace monitor = emulator::monitor;

namespace {

// Half a sector is no sector; the rest of the slack is the expectation's.
bool near(double sectors, double wanted, double slack) { return std::fabs(sectors - wanted) <= 0.5 + slack * wanted; }

// The worst place of global or of shared memory, to 0.01: a bound with room for more would be none.
void check_places(const std::string& what, const std::vector<monitor::AccessCost>& costs, bool shared, double wanted) {
    if (wanted == any) return;
    double worst = 0;
    std::string places;
    for (const monitor::AccessCost& cost : costs) {
        if (cost.shared != shared) continue;
        worst = std::max(worst, cost.ratio());
        if (cost.ratio() > 1)
            places += concat("\n    ", cost.write ? "write " : "read ", cost.ratio(), " of ", cost.ideal, " at ", cost.where);
    }
    CHECK_MESSAGE(std::fabs(worst - wanted) <= 0.01, what, ": of the worst place, ", std::string(shared ? "turns" : "sectors"),
                  " for each ideal one: ", worst, ", not ", wanted, places);
}

}  // namespace

void* Arrays::add(const std::string& name, size_t bytes) {
    memory_.push_back(std::make_unique<DeviceArray<char>>(std::vector<char>(bytes)));
    add(name, memory_.back()->get(), bytes);
    return memory_.back()->get();
}

void Arrays::check(const std::string& what, const Movement& wanted, const std::function<void()>& run) const {
    monitor::begin_counting();
    for (const Array& array : list_) monitor::count_array(array.begin, array.bytes);
    run();
    const std::vector<monitor::AccessCost> costs = monitor::end_counting();

    size_t largest = 0;
    for (const Array& array : list_) largest = std::max(largest, array.bytes);
    for (const Array& array : list_) {
        const auto times = std::find_if(wanted.arrays.begin(), wanted.arrays.end(), [&](const Times& t) { return t.array == array.name; });
        const monitor::Moved moved = monitor::moved_of(array.begin);
        const double sectors = static_cast<double>((array.bytes + 31) / 32);
        const double read = static_cast<double>(moved.read), written = static_cast<double>(moved.written);
        if (times == wanted.arrays.end()) {
            CHECK_MESSAGE(array.bytes * 16 <= largest, what, ": ", array.name, " is large and nothing is expected of it; read ",
                          read / sectors, ", written ", written / sectors);
            continue;
        }
        CHECK_MESSAGE((times->read == any || near(read, times->read * sectors, wanted.slack)), what, ": ", array.name, " is read ",
                      read / sectors, " times, expected ", times->read);
        CHECK_MESSAGE((times->written == any || near(written, times->written * sectors, wanted.slack)), what, ": ", array.name,
                      " is written ", written / sectors, " times, expected ", times->written);
    }
    for (const Times& times : wanted.arrays)
        CHECK_MESSAGE(std::any_of(list_.begin(), list_.end(), [&](const Array& array) { return array.name == times.array; }), what,
                      ": no array ", times.array);
    check_places(what, costs, false, wanted.sectors);
    check_places(what, costs, true, wanted.turns);
}

}  // namespace purnet::test
#endif
