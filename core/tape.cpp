#include "core/tape.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>

#include "kernels/add/add.h"
#include "kernels/runtime/branch.h"
#include "kernels/runtime/current_layer.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/scope.h"

namespace purnet {
namespace {

thread_local Tape* recording = nullptr;
std::atomic<uint64_t> next_graph{1};

struct Source {  // where an input came from
    Parameter* parameter = nullptr;
    int node = -1;
    int output = 0;
    Shape shape;
    DType dtype = DType::f32;  // of its gradient
};

struct Node {
    OpCall call;  // inputs kept only where saved, and no rebuildable node yields them
    std::vector<Source> sources;
    std::vector<Tensor> outputs;  // kept only where saved
    const char* layer = nullptr;  // that it was recorded in
    bool rebuildable = false;     // output 0 is nowhere kept: ops that saved it get it by State::rebuilt()
    Tensor rebuilt;               // while a walk is among the ops behind this one
    int last_root = -1;
    bool freed = false;
};

bool contains(const std::vector<int>& list, int i) { return std::find(list.begin(), list.end(), i) != list.end(); }

void add_into(const Tensor& sum, const Tensor& a, const Tensor& b) {
    add::table().get(&add::Kernels::forward, "forward", sum.key())(sum.count(), a.raw(), b.raw(), sum.raw(), current_context(sum.device()));
}

}  // namespace

struct Tape::State {
    uint64_t graph = next_graph++;
    bool rebuilds = true;
    std::vector<Node> nodes;

    bool is_rebuilt(const Source& s) const { return s.node >= 0 && s.output == 0 && nodes[s.node].rebuildable; }
    // Output 0 of a node that was not kept, made again from what the node keeps; the nodes before it in the same way.
    const Tensor& rebuilt(int index);
};

const Tensor& Tape::State::rebuilt(int index) {
    Node& node = nodes[index];
    if (node.rebuilt) return node.rebuilt;
    require(!node.freed, node.call.name, ": wanted again after its memory was freed; give all roots to one backward()");
    std::vector<const void*> in(node.call.inputs.size(), nullptr);
    Device device;
    for (int i : node.call.rebuild_inputs) {
        const Tensor& input = is_rebuilt(node.sources[i]) ? rebuilt(node.sources[i].node) : node.call.inputs[i];
        if (!input) continue;
        in[i] = input.raw();
        device = input.device();
    }
    MemoryScope scope("activations made again");
    const auto text = [&node] { return concat("made again as ", node.call.outputs.front().shape); };
    std::optional<LayerScope> layer;
    if (node.layer) layer.emplace(node.layer);
    const OpScope op(node.call.name.data(), text);
    const OpCall::Output& output = node.call.outputs.front();
    const Tensor result = Tensor::empty(output.shape, output.dtype, device);
    std::vector<void*> out{result.raw()};
    for (size_t i = 1; i < node.outputs.size(); ++i) out.push_back(node.outputs[i] ? node.outputs[i].raw() : nullptr);
    const auto& run = node.call.rebuild ? node.call.rebuild : node.call.forward;
    run(Arguments(in.data(), out.data(), nullptr), current_context(device));
    node.rebuilt = result;
    return node.rebuilt;
}

namespace {

// Gradients of parameters that are made beside the walk (Gradients::in_halves), and whose they are: what else is added to those is added
// there too, behind them.
struct Beside {
    // Functions that the walk may be ahead of: each keeps an activation, a gradient and a workspace in memory. More than a few gain
    // nothing, since a weight gradient takes about as long as the data gradient of its layer.
    static constexpr size_t most_under_way = 4;

    Branch branch;
    std::set<const Parameter*> parameters = {};

    void run(Gradients::Launches launches) {
        branch.join(most_under_way - 1);
        branch.run(std::move(launches));
    }
};

// The gradients that wait for the walk: one slot for every output of a node.
class Walk {
public:
    Walk(Tape::State& tape, Beside& beside, const Tape::Root& root, int root_index)
        : tape_(tape), beside_(beside), root_(root), root_index_(root_index), pending_(tape.nodes.size()) {}

    // Which nodes have a movable parameter behind them.
    static std::vector<char> reaches(const Tape::State& tape, const Tape::Root& root) {
        std::vector<char> reach(tape.nodes.size(), 0);
        for (size_t i = 0; i < tape.nodes.size(); ++i)
            for (const Source& s : tape.nodes[i].sources)
                if ((s.parameter && (!root.moves || root.moves(*s.parameter))) || (s.node >= 0 && reach[s.node])) reach[i] = 1;
        return reach;
    }
    // Which nodes this root's walk visits.
    static std::vector<char> visits(const Tape::State& tape, const Tape::Root& root, const std::vector<char>& reach) {
        std::vector<char> visit(tape.nodes.size(), 0);
        if (root.value.impl().node >= 0) visit[root.value.impl().node] = reach[root.value.impl().node];
        for (size_t i = tape.nodes.size(); i-- > 0;)
            if (visit[i])
                for (const Source& s : tape.nodes[i].sources)
                    if (s.node >= 0 && reach[s.node]) visit[s.node] = 1;
        return visit;
    }

    void run(const std::vector<char>& reach, const std::vector<char>& visit);

    struct Sums : Gradients {
        Walk& walk;
        Node& node;
        const std::vector<char>& reach;
        std::vector<Tensor> upstream;
        Tensor passed;  // with the gradient of output 0
        std::vector<std::pair<int, Tensor>> results;

        Sums(Walk& w, Node& n, const std::vector<char>& r, std::vector<Tensor> up, Tensor sums)
            : walk(w), node(n), reach(r), upstream(std::move(up)), passed(std::move(sums)) {}
        const Tensor& input(int i) const override {
            require(contains(node.call.saved_inputs, i), node.call.name, " backward: input ", i, " was not saved");
            return walk.tape_.is_rebuilt(node.sources[i]) ? walk.tape_.rebuilt(node.sources[i].node) : node.call.inputs[i];
        }
        const Tensor& output(int i) const override {
            require(static_cast<bool>(node.outputs[i]), node.call.name, " backward: output ", i, " was not saved");
            return node.outputs[i];
        }
        bool has_grad(int i) const override { return i < static_cast<int>(upstream.size()) && upstream[i].defined(); }
        Tensor grad(int i) override {
            if (!has_grad(i)) {
                upstream.resize(node.call.outputs.size());
                upstream[i] = Tensor::zeros(node.call.outputs[i].shape, node.call.outputs[i].gradient_dtype(), walk.device());
            }
            return upstream[i];
        }
        bool wanted(int i) const override {
            const Source& s = node.sources[i];
            return (s.parameter && walk.moves(*s.parameter)) || (s.node >= 0 && reach[s.node]);
        }
        void* destination(int i) override {
            if (!wanted(i)) return nullptr;
            const Source& s = node.sources[i];
            MemoryScope scope("gradients");
            if (s.parameter && !s.parameter->has_grad && !pending_parameter(s.parameter)) {
                Parameter& p = *s.parameter;
                if (!p.grad) p.grad = Tensor::zeros(p.value.shape(), p.value.dtype(), p.value.device());
                results.emplace_back(i, p.grad);
            } else {
                results.emplace_back(i, Tensor::empty(s.shape, s.dtype, walk.device()));
            }
            return results.back().second.raw();
        }
        void give(int i, Tensor gradient) override {
            if (wanted(i)) results.emplace_back(i, std::move(gradient));
        }
        std::any sums_wanted(int i) override {
            const Source& s = node.sources[i];
            if (s.node < 0 || s.output != 0 || !reach[s.node] || walk.givers_[s.node] != 1) return {};
            Node& from = walk.tape_.nodes[s.node];
            if (!from.call.gradient_sums) return {};
            Sums of_source(walk, from, reach, {}, {});
            return from.call.gradient_sums(of_source);
        }
        void give_sums(int i, Tensor sums) override { walk.passed_.emplace(node.sources[i].node, std::move(sums)); }
        const Tensor& sums() const override { return passed; }
        Context context() const override { return current_context(walk.device()); }
        void in_halves(const std::function<void()>& first, const std::vector<int>& made, const std::function<Launches()>& second) override {
            const auto of_parameter = [this](int i) { return !wanted(i) || node.sources[i].parameter; };
            if (!walk.beside_.branch.parallel() || !std::all_of(made.begin(), made.end(), of_parameter)) {
                first();
                second()(context());
                return;
            }
            for (int i : made)
                if (wanted(i)) walk.beside_.parameters.insert(node.sources[i].parameter);
            walk.beside_.run(second());
            first();
        }
        bool pending_parameter(const Parameter* p) const {
            for (const auto& [i, tensor] : results)
                if (node.sources[i].parameter == p) return true;
            return false;
        }
    };

    bool moves(const Parameter& p) const { return !root_.moves || root_.moves(p); }
    Device device() const { return root_.value.device(); }

private:
    void collect(const Source& source, Tensor gradient);

    Tape::State& tape_;
    Beside& beside_;
    const Tape::Root& root_;
    int root_index_;
    std::vector<std::vector<Tensor>> pending_;
    std::vector<int> givers_;       // how many inputs and roots may add to the gradient of each node's output 0
    std::map<int, Tensor> passed_;  // sums over that gradient, taken by the one that gave it
};

void Walk::collect(const Source& source, Tensor gradient) {
    if (source.parameter) {
        Parameter& p = *source.parameter;
        if (!p.grad) p.grad = Tensor::zeros(p.value.shape(), p.value.dtype(), p.value.device());
        if (gradient.raw() != p.grad.raw()) {
            const auto put = [sum = p.grad, gradient, add = p.has_grad](const Context&) {
                if (add)
                    add_into(sum, sum, gradient);
                else
                    sum.copy_from(gradient);
            };
            if (beside_.parameters.count(&p))
                beside_.run(put);
            else
                put(current_context(device()));
        }
        p.has_grad = true;
        return;
    }
    auto& slots = pending_[source.node];
    slots.resize(tape_.nodes[source.node].call.outputs.size());
    Tensor& slot = slots[source.output];
    if (!slot) {
        slot = std::move(gradient);
    } else if (slot.shares_memory()) {  // somebody else reads it: never add in place
        const Tensor sum = Tensor::empty(slot.shape(), slot.dtype(), slot.device());
        add_into(sum, slot, gradient);
        slot = sum;
    } else {
        add_into(slot, slot, gradient);
    }
}

void Walk::run(const std::vector<char>& reach, const std::vector<char>& visit) {
    MemoryScope scope("gradients");
    const Tensor& value = root_.value;
    Source at;
    at.node = value.impl().node;
    at.output = value.impl().output;
    const DType type = tape_.nodes[at.node].call.outputs[at.output].gradient_dtype();
    if (root_.gradient) {
        require(root_.gradient.shape() == value.shape() && root_.gradient.dtype() == type, "a root of ", value.shape(),
                " has a gradient of ", root_.gradient.shape(), " of ", name_of(root_.gradient.dtype()));
        collect(at, root_.gradient);
    } else {
        const std::vector<double> seed(static_cast<size_t>(value.count()), root_.scale);
        collect(at, Tensor::from(seed.data(), value.shape(), type, value.device()));
    }
    givers_.assign(tape_.nodes.size(), 0);
    givers_[at.node] += at.output == 0;
    for (size_t i = 0; i < tape_.nodes.size(); ++i)
        if (visit[i])
            for (const Source& s : tape_.nodes[i].sources)
                if (s.node >= 0) givers_[s.node] += s.output == 0;
    for (size_t i = tape_.nodes.size(); i-- > 0;) {
        Node& node = tape_.nodes[i];
        if (visit[i] && !pending_[i].empty()) {
            require(static_cast<bool>(node.call.backward), node.call.name, " has no backward");
            require(!node.freed, node.call.name, ": backward a second time after its memory was freed; give all roots to one backward()");
            const auto passed = passed_.extract(static_cast<int>(i));
            Sums sums(*this, node, reach, std::move(pending_[i]), passed ? std::move(passed.mapped()) : Tensor());
            const auto text = [&node] { return concat("backward from ", node.call.outputs.front().shape); };
            std::optional<LayerScope> layer;
            if (node.layer) layer.emplace(node.layer);
            const OpScope op(node.call.name.data(), text);
            node.call.backward(sums);
            sums.upstream.clear();
            for (auto& [input, gradient] : sums.results) collect(node.sources[input], std::move(gradient));
        }
        pending_[i].clear();
        node.rebuilt = Tensor();
        if (node.last_root <= root_index_ && !node.freed) {
            node.call.inputs.clear();
            node.call.backward = nullptr;
            node.call.gradient_sums = nullptr;
            node.call.forward = node.call.rebuild = nullptr;
            node.outputs.clear();
            node.freed = true;
        }
    }
}

}  // namespace

Tape::Tape(bool rebuilds) : state_(std::make_unique<State>()) { state_->rebuilds = rebuilds; }
Tape::~Tape() = default;

size_t Tape::size() const { return state_->nodes.size(); }

void Tape::backward(const std::vector<Root>& roots) {
    NoGrad off;
    std::vector<std::vector<char>> reach, visit;
    for (size_t r = 0; r < roots.size(); ++r) {
        require(roots[r].value && roots[r].value.impl().graph == state_->graph, "backward of a tensor that this tape did not record");
        reach.push_back(Walk::reaches(*state_, roots[r]));
        visit.push_back(Walk::visits(*state_, roots[r], reach.back()));
        // A node is needed where the walk visits it, and where something needed was to be made again from it.
        std::vector<char> needed = visit.back();
        for (size_t i = state_->nodes.size(); i-- > 0;) {
            if (!needed[i]) continue;
            Node& node = state_->nodes[i];
            node.last_root = static_cast<int>(r);
            for (const std::vector<int>* inputs : {&node.call.saved_inputs, &node.call.rebuild_inputs})
                for (int input : *inputs)
                    if (state_->is_rebuilt(node.sources[input])) needed[node.sources[input].node] = 1;
        }
    }
    if (roots.empty()) return;
    Beside beside{Branch(roots.front().value.device())};
    for (size_t r = 0; r < roots.size(); ++r) {
        Walk walk(*state_, beside, roots[r], static_cast<int>(r));
        walk.run(reach[r], visit[r]);
    }
    beside.branch.join();
}

Recording::Recording(Tape& tape) : previous_(recording) { recording = &tape; }
Recording::~Recording() { recording = previous_; }
NoGrad::NoGrad() : previous_(recording) { recording = nullptr; }
NoGrad::~NoGrad() { recording = previous_; }

Tape* detail::current_tape() { return recording; }

void detail::record(Tape& tape, OpCall&& call, const std::vector<Tensor>& outputs) {
    Tape::State& state = tape.state();
    Node node;
    bool wanted = false;
    for (const Tensor& input : call.inputs) {
        Source s;
        if (input) {
            const Tensor::Impl& impl = input.impl();
            s.parameter = impl.parameter;
            s.shape = impl.shape;
            s.dtype = impl.dtype;
            if (impl.graph == state.graph) {
                s.node = impl.node;
                s.output = impl.output;
                s.dtype = state.nodes[s.node].call.outputs[s.output].gradient_dtype();
                if (const Node& from = state.nodes[s.node]; from.call.passes_gradient && from.sources[0].parameter) s = from.sources[0];
            }
            wanted = wanted || s.parameter || s.node >= 0;
        }
        node.sources.push_back(s);
    }
    if (!wanted) return;  // nothing behind it can be moved
    const int index = static_cast<int>(state.nodes.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
        if (!call.outputs[i].differentiable) continue;
        Tensor::Impl& impl = outputs[i].impl();
        impl.graph = state.graph;
        impl.node = index;
        impl.output = static_cast<int>(i);
    }
    node.outputs.resize(outputs.size());
    for (int i : call.saved_outputs) node.outputs[i] = outputs[i];
    require(call.rebuild_inputs.empty() || call.rebuild || (call.workspace() == 0 && call.outputs.size() == 1), call.name,
            ": its forward makes an output again only if it needs no workspace and has no other output");
    // What is made again must not keep in memory more than it saves: each input is there anyway, or can be made again itself.
    node.rebuildable = state.rebuilds && !call.rebuild_inputs.empty();
    for (int i : call.rebuild_inputs)
        if (call.inputs[i] && !call.inputs[i].impl().parameter && !contains(call.saved_inputs, i) && !state.is_rebuilt(node.sources[i]))
            node.rebuildable = false;
    if (!node.rebuildable) {
        call.rebuild_inputs.clear();
        call.rebuild = nullptr;
    }
    if (!node.rebuildable || call.rebuild) call.forward = nullptr;
    std::vector<Tensor> kept(call.inputs.size());
    for (const std::vector<int>* inputs : {&call.saved_inputs, &call.rebuild_inputs})
        for (int i : *inputs)
            if (!state.is_rebuilt(node.sources[i])) kept[i] = call.inputs[i];
    call.inputs = std::move(kept);
    node.call = std::move(call);
    node.layer = current_layer();
    state.nodes.push_back(std::move(node));
}

}  // namespace purnet
