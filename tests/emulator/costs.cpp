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

// The worst of those places of global or of shared memory, to 0.01: a bound with room for more would be none.
template <class Which>
void check_worst(const std::string& what, const std::vector<monitor::AccessCost>& costs, bool shared, double wanted, const Which& which) {
    if (wanted == any) return;
    double worst = 0;
    std::string places;
    for (const monitor::AccessCost& cost : costs) {
        if (cost.shared != shared || !which(cost)) continue;
        worst = std::max(worst, cost.ratio());
        if (cost.ratio() > 1)
            places += concat("\n    ", cost.write ? "write " : "read ", cost.ratio(), " of ", cost.ideal, " at ", cost.where);
    }
    CHECK_MESSAGE(std::fabs(worst - wanted) <= 0.01, what, ": of the worst place, ", std::string(shared ? "turns" : "sectors"),
                  " for each ideal one: ", worst, ", not ", wanted, places);
}

void check_places(const std::string& what, const std::vector<monitor::AccessCost>& costs, const Movement& wanted) {
    check_worst(what, costs, false, wanted.sectors, [](const monitor::AccessCost&) { return true; });
    // A place is named where it takes more than one turn.
    const auto is_of = [](const monitor::AccessCost& cost, const Apart& apart) {
        return cost.write == apart.write && cost.where.find(apart.file) != std::string::npos;
    };
    for (const Apart& apart : wanted.apart)
        check_worst(concat(what, ", ", apart.write ? "writes" : "reads", " of ", apart.file), costs, true, apart.turns,
                    [&](const monitor::AccessCost& cost) { return is_of(cost, apart); });
    check_worst(what, costs, true, wanted.turns, [&](const monitor::AccessCost& cost) {
        return std::none_of(wanted.apart.begin(), wanted.apart.end(), [&](const Apart& apart) { return is_of(cost, apart); });
    });
}

}  // namespace

double ragged(int rows, int row, int piece) {
    double touched = 0;
    for (int r = 0; r < rows; ++r)
        for (int at = 0; at < row; at += piece) {
            const int begin = r * row + at, end = r * row + std::min(at + piece, row);
            touched += (end - 1) / 32 - begin / 32 + 1;
        }
    return touched / std::ceil(rows * row / 32.0);
}

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
    if (wanted.elsewhere != any) {
        double read = 0;
        for (const monitor::AccessCost& cost : costs)
            if (!cost.shared && !cost.write) read += static_cast<double>(cost.units);
        for (const Array& array : list_) read -= static_cast<double>(monitor::moved_of(array.begin).read);
        CHECK_MESSAGE(near(read, wanted.elsewhere, wanted.slack), what, ": sectors read elsewhere: ", read, ", expected ",
                      wanted.elsewhere);
    }
    for (const Times& times : wanted.arrays)
        CHECK_MESSAGE(std::any_of(list_.begin(), list_.end(), [&](const Array& array) { return array.name == times.array; }), what,
                      ": no array ", times.array);
    check_places(what, costs, wanted);
}

}  // namespace purnet::test
#endif
