#include "kernels/runtime/choices.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "kernels/runtime/choices_used.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/memory_reserve.h"

namespace purnet::choices {
namespace {

struct State {
    std::mutex mutex;
    bool measures = false;
    Known known, used;
    Listener listener;
    std::atomic<bool> any = false;

    void look() { any = measures || !known.empty(); }
};

State& state() {
    static State all;
    return all;
}

}  // namespace

void measure(bool on) {
    std::lock_guard lock(state().mutex);
    state().measures = on;
    state().look();
}

Known known() {
    std::lock_guard lock(state().mutex);
    return state().known;
}

Known used() {
    std::lock_guard lock(state().mutex);
    return state().used;
}

void know(const Known& choices) {
    std::lock_guard lock(state().mutex);
    state().known = choices;
    state().used.clear();
    state().look();
}

bool any() { return state().any; }

void on_measured(Listener listener) {
    std::lock_guard lock(state().mutex);
    state().listener = std::move(listener);
}

std::string choose(const std::string& key, const std::vector<std::string>& ways, const std::string& estimate,
                   const std::function<double(const std::string& way)>& milliseconds) {
    if (ways.size() < 2 || !any()) return estimate;
    State& all = state();
    std::lock_guard lock(all.mutex);
    if (const auto told = all.known.find(key); told != all.known.end() && std::count(ways.begin(), ways.end(), told->second))
        return all.used[key] = told->second;
    if (!all.measures || current_stream()) return estimate;
    const MemoryReserve::Left no_reserve;  // whose memory would stay with the launches that are recorded later
    std::map<std::string, double> took{{estimate, milliseconds(estimate)}};
    std::string best = estimate;
    double least = 0.95 * took[estimate];
    for (const std::string& way : ways)
        if (way != estimate)
            if (const double time = took[way] = milliseconds(way); time < least) best = way, least = time;
    all.known[key] = all.used[key] = best;
    if (all.listener) all.listener(key, took);
    return best;
}

}  // namespace purnet::choices
