#include "tests/emulator/engine/timeline.h"

#include <algorithm>
#include <utility>

#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator::timeline {
namespace {

struct Step {
    std::string what;
    std::function<void()> run;
    std::vector<bool> before;  // by place: all that is ordered before it
    bool done = false;
    uint64_t launch = 0;  // the monitor's number for it
};

// Steps that were put in while others were under way. Whatever came before the first of them is done, and before all of them.
std::vector<Step> row;
uint64_t first = 0;  // number of row[0]
std::vector<size_t> under_way;
std::vector<bool> waited;  // by place: what the host has waited for, and all before it
uint64_t draws = 0;

uint64_t draw() {  // splitmix64
    uint64_t z = (schedule().seed + 1) * 0x2545f4914f6cdd1dull + ++draws * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void add_with_all_before(std::vector<bool>& places, const Steps& steps) {
    for (const uint64_t number : steps) {
        if (number < first) continue;
        const Step& step = row[static_cast<size_t>(number - first)];
        for (size_t i = 0; i < step.before.size(); ++i)
            if (step.before[i]) places[i] = true;
        places[static_cast<size_t>(number - first)] = true;
    }
}

bool may_run(const Step& step) {
    return std::none_of(under_way.begin(), under_way.end(), [&](size_t i) { return i < step.before.size() && step.before[i]; });
}

void run(size_t at) {
    std::erase(under_way, at);
    Step& step = row[at];
    step.done = true;
    std::vector<monitor::Beside> beside;
    if (monitor::present && row.size() > 1)
        for (size_t i = 0; i < row.size(); ++i)
            if (i != at && row[i].launch && !(i < step.before.size() && step.before[i])) beside.push_back({row[i].launch, &row[i].what});
    monitor::next_launch(row.size() > 1 ? &step.what : nullptr, beside);
    const uint64_t launches = monitor::launches();
    try {
        std::exchange(step.run, nullptr)();
    } catch (...) {
        for (const size_t i : under_way) row[i].done = true;
        under_way.clear();
        monitor::next_launch(nullptr, {});
        throw;
    }
    if (monitor::launches() > launches) step.launch = monitor::launches();
    monitor::next_launch(nullptr, {});
}

// One of those that may come next. wanted: by place, those that are waited for and all before them.
size_t pick(const std::vector<bool>& wanted) {
    std::vector<size_t> candidates;
    for (const size_t i : under_way) {
        if (order() == Schedule::forward && !wanted[i]) continue;
        if (!may_run(row[i])) continue;
        if (order() == Schedule::forward) return i;
        candidates.push_back(i);
    }
    return order() == Schedule::reverse ? candidates.back() : candidates[draw() % candidates.size()];
}

}  // namespace

Schedule::Order& order() {
    static Schedule::Order one = Schedule::shuffled;
    return one;
}

uint64_t add(std::string what, std::function<void()> run, const Steps& after) {
    if (under_way.empty()) {
        first += row.size();
        row.clear();
        waited.clear();
    }
    Step step{std::move(what), std::move(run), waited};
    step.before.resize(row.size(), false);
    add_with_all_before(step.before, after);
    under_way.push_back(row.size());
    row.push_back(std::move(step));
    return first + row.size() - 1;
}

bool done(const Steps& steps) {
    return std::all_of(steps.begin(), steps.end(),
                       [](uint64_t number) { return number < first || row[static_cast<size_t>(number - first)].done; });
}

void finish(const Steps& steps) {
    std::vector<bool> wanted(row.size(), false);
    add_with_all_before(wanted, steps);
    while (!done(steps)) run(pick(wanted));
}

void wait(const Steps& steps) {
    finish(steps);
    waited.resize(row.size(), false);
    add_with_all_before(waited, steps);
}

void wait() {
    Steps all;
    for (const size_t i : under_way) all.push_back(first + i);
    finish(all);
    waited.assign(row.size(), true);
}

}  // namespace purnet::emulator::timeline
