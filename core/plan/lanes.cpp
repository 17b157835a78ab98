#include "core/plan/lanes.h"

#include <algorithm>

namespace purnet {

Lanes::Lanes(const Graph& graph, int most) {
    const size_t steps = graph.steps.size();
    std::vector<int> producer(graph.values.size(), -1);
    std::vector<int> tail;                       // the last step of each lane
    std::vector<std::vector<int>> known(steps);  // by step: of each lane, the last step before it
    waited_for_.assign(steps, 0);
    for (size_t i = 0; i < steps; ++i) {
        const Step& step = graph.steps[i];
        std::vector<int> from;  // whose results it reads
        for (int v : step.inputs)
            if (v >= 0 && producer[static_cast<size_t>(v)] >= 0) from.push_back(producer[static_cast<size_t>(v)]);
        for (int v : step.outputs) producer[static_cast<size_t>(v)] = static_cast<int>(i);
        std::sort(from.begin(), from.end());
        from.erase(std::unique(from.begin(), from.end()), from.end());

        std::vector<bool> before(steps, false);
        const auto add = [&](int j) {
            const std::vector<bool>& more = before_[static_cast<size_t>(j)];
            for (size_t k = 0; k < more.size(); ++k)
                if (more[k]) before[k] = true;
            before[static_cast<size_t>(j)] = true;
        };
        for (int j : from) add(j);

        int lane = -1;
        for (auto j = from.rbegin(); j != from.rend() && lane < 0; ++j)
            if (tail[static_cast<size_t>(lane_[static_cast<size_t>(*j)])] == *j) lane = lane_[static_cast<size_t>(*j)];
        for (size_t l = 0; l < tail.size() && lane < 0; ++l)
            if (before[static_cast<size_t>(tail[l])]) lane = static_cast<int>(l);
        if (lane < 0 && static_cast<int>(tail.size()) < most) {
            lane = static_cast<int>(tail.size());
            tail.push_back(-1);
        }
        if (lane < 0) lane = from.empty() ? 0 : lane_[static_cast<size_t>(from.back())];

        const int previous = tail[static_cast<size_t>(lane)];
        const std::vector<int>& seen = previous >= 0 ? known[static_cast<size_t>(previous)] : std::vector<int>();
        if (previous >= 0) add(previous);
        known[i].assign(tail.size(), -1);
        for (size_t k = 0; k < i; ++k)
            if (before[k]) known[i][static_cast<size_t>(lane_[k])] = static_cast<int>(k);
        std::vector<int> waits;
        for (size_t l = 0; l < tail.size(); ++l) {
            const int last = known[i][l];
            if (static_cast<int>(l) == lane || last < 0 || (l < seen.size() && seen[l] >= last)) continue;
            waits.push_back(last);
            waited_for_[static_cast<size_t>(last)] = 1;
        }
        tail[static_cast<size_t>(lane)] = static_cast<int>(i);
        lane_.push_back(lane);
        waits_.push_back(std::move(waits));
        before_.push_back(std::move(before));
    }
    count_ = static_cast<int>(tail.size());
}

bool together(const Lanes& lanes, const Use& a, const Use& b) {
    const auto gone = [&lanes](const Use& first, const Use& then) {
        return lanes.before(first.writer, then.writer) &&
               std::all_of(first.readers.begin(), first.readers.end(), [&](size_t reader) { return lanes.before(reader, then.writer); });
    };
    return !gone(a, b) && !gone(b, a);
}

}  // namespace purnet
