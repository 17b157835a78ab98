#include "core/plan/merge.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "core/plan/passes.h"
#include "kernels/runtime/choices.h"

namespace purnet {
namespace {

// Steps of a graph in groups; a group is named after its first step.
class Groups {
public:
    Groups(const Graph& graph, const std::function<bool(size_t, size_t)>& can_merge)
        : graph_(graph), can_merge_(can_merge), maker_(graph.values.size(), -1) {
        for (size_t i = 0; i < graph.steps.size(); ++i) {
            const Step& step = graph.steps[i];
            int depth = 0;
            for (const int v : step.inputs)
                if (const int maker = maker_of(v); maker >= 0) depth = std::max(depth, depth_[static_cast<size_t>(maker)] + 1);
            depth_.push_back(depth);
            for (const int v : step.outputs) maker_[static_cast<size_t>(v)] = static_cast<int>(i);
            members_.emplace_back();
            group_.push_back(group_for(i));
            members_[group_.back()].push_back(i);
        }
    }

    // So that what a group reads is made by groups before it; in the order of their first steps otherwise.
    std::vector<std::vector<size_t>> in_order() const {
        std::vector<std::vector<size_t>> order;
        std::vector<char> done(group_.size(), 0);
        const auto ready = [&](size_t group) {
            return std::all_of(members_[group].begin(), members_[group].end(), [&](size_t i) {
                const std::vector<int>& inputs = graph_.steps[i].inputs;
                return std::all_of(inputs.begin(), inputs.end(), [&](int v) {
                    const int maker = maker_of(v);
                    return maker < 0 || done[group_[static_cast<size_t>(maker)]];
                });
            });
        };
        while (true) {
            size_t next = 0;
            while (next < group_.size() && (members_[next].empty() || done[next] || !ready(next))) ++next;
            if (next == group_.size()) return order;
            done[next] = 1;
            order.push_back(members_[next]);
        }
    }

private:
    int maker_of(int value) const { return value < 0 ? -1 : maker_[static_cast<size_t>(value)]; }

    bool same_source(int a, int b) const {
        const int of_a = maker_of(a), of_b = maker_of(b);
        return of_a < 0 || of_b < 0 ? a == b : group_[static_cast<size_t>(of_a)] == group_[static_cast<size_t>(of_b)];
    }

    // An earlier group that step i may join, or i.
    size_t group_for(size_t i) const {
        for (size_t g = 0; g < i; ++g) {
            if (members_[g].empty() || members_[g].size() == conv2d::most_merged || depth_[g] != depth_[i]) continue;
            if (can_merge_(g, i) && same_source(graph_.steps[g].inputs[0], graph_.steps[i].inputs[0])) return g;
        }
        return i;
    }

    const Graph& graph_;
    const std::function<bool(size_t, size_t)>& can_merge_;
    std::vector<int> maker_;                    // by value; -1: no step
    std::vector<int> depth_;                    // by step: how many steps one after the other it waits for
    std::vector<size_t> group_;                 // by step
    std::vector<std::vector<size_t>> members_;  // by step: of the group named after it, if there is one
};

// "a, b", of names that differ.
template <class Name>
std::string list(const std::vector<const Step*>& steps, Name name) {
    std::vector<std::string> names;
    for (const Step* step : steps)
        if (std::find(names.begin(), names.end(), name(*step)) == names.end() && !name(*step).empty()) names.push_back(name(*step));
    std::string text;
    for (const std::string& one : names) text += (text.empty() ? "" : ", ") + one;
    return text;
}

Step merged(const Graph& graph, const std::vector<const Step*>& steps, Device device) {
    std::vector<std::shared_ptr<const conv2d::PackedConv>> convolutions;
    Step step;
    for (const Step* one : steps) {
        convolutions.push_back(one->packed.conv);
        step.inputs.insert(step.inputs.end(), one->inputs.begin(), one->inputs.end());
        step.outputs.insert(step.outputs.end(), one->outputs.begin(), one->outputs.end());
        step.multiply_adds += multiply_adds(*one);
        step.packed_bytes += one->packed_bytes;
    }
    const std::shared_ptr<const conv2d::MergedConv> conv = convolutions.front()->merge(convolutions);
    step.name = concat(steps.size(), " merged: ", list(steps, [](const Step& s) { return s.name; }));
    step.layer = list(steps, [](const Step& s) { return s.layer; });
    step.workspace = conv->workspace();
    step.detail = conv->method();
    step.packed.place = steps.front()->packed.place;
    if (choices::any()) step.chosen = measured(conv->key(), {device.type, graph.values[static_cast<size_t>(step.outputs[0])].dtype});
    step.run = [conv, count = steps.size()](const Arguments& a, const Context& c) {
        std::array<conv2d::PackedOperands, conv2d::most_merged> operands;
        for (size_t i = 0; i < count; ++i) {
            const int first = 3 * static_cast<int>(i);
            operands[i] = {a.in(first), a.in(first + 1), a.in(first + 2), a.out(static_cast<int>(i))};
        }
        conv->run({operands.data(), count}, a.workspace(), c);
    };
    return step;
}

}  // namespace

std::vector<std::vector<size_t>> merged_steps(const Graph& graph, const std::function<bool(size_t, size_t)>& can_merge) {
    return Groups(graph, can_merge).in_order();
}

bool merging_is_wanted() {
    const char* const wish = std::getenv("PURNET_MERGE");
    return !wish || std::string_view(wish) != "0";
}

void merge_convolutions(Graph& graph, Device device) {
    if (device.on_host() || !merging_is_wanted()) return;
    const auto can_merge = [&](size_t a, size_t b) {
        const std::shared_ptr<const conv2d::PackedConv>&first = graph.steps[a].packed.conv, &second = graph.steps[b].packed.conv;
        return first && second && first->merges_with(*second);
    };
    std::vector<Step> steps;
    for (const std::vector<size_t>& group : merged_steps(graph, can_merge)) {
        std::vector<const Step*> members;
        for (const size_t i : group) members.push_back(&graph.steps[i]);
        steps.push_back(members.size() > 1 ? merged(graph, members, device) : std::move(graph.steps[group.front()]));
    }
    graph.steps = std::move(steps);
}

}  // namespace purnet
