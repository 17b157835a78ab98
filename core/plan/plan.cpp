#include "core/plan/plan.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include "core/plan/arena.h"
#include "core/plan/lanes.h"
#include "core/plan/merge.h"
#include "core/plan/passes.h"
#include "kernels/runtime/branch.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/out_of_memory.h"
#include "kernels/runtime/scope.h"
#include "kernels/runtime/seconds.h"
#include "kernels/runtime/warning.h"

namespace purnet {

namespace {

// More than PurNet has decoders: beyond that, steps only share the device out among more.
constexpr int most_lanes = 4;

}  // namespace

struct Plan::State {
    Graph graph;
    Context context;
    std::optional<Lanes> lanes;  // one on the host
    Block arena;
    std::vector<Piece> places;       // one a value; bytes 0 for inputs, outputs and constants
    std::vector<size_t> workspaces;  // offset a step
    std::vector<void*> pointers;     // one a value
    std::vector<const void*> in;     // reused by every step of a run
    std::vector<void*> out;
    // On a device with graphs: inputs and outputs at addresses that stay, and after a first run all launches as one.
    std::vector<Block> staged_in, staged_out;
    std::optional<Replay> replay;
    bool said_why_not = false;

    // Optional operands that were left out are value -1.
    void* pointer(int value) const { return value < 0 ? nullptr : pointers[static_cast<size_t>(value)]; }
    void launch(const Context& on);
    void launch_step(size_t i, const Context& on);
    // What uses each value, and the places of values and workspaces in the arena; returns its size.
    size_t place_values();
    // The arena of so many bytes and what is staged.
    void allocate(size_t arena_bytes);
    std::string shapes(const Step& step, bool with_places) const;
};

void Plan::State::launch_step(size_t i, const Context& on) {
    const Step& step = graph.steps[i];
    std::optional<LayerScope> layer;
    if (!step.layer.empty()) layer.emplace(step.layer.c_str());
    const auto text = [&] { return shapes(step, false); };
    const OpScope op(step.name.c_str(), text);
    for (size_t k = 0; k < step.inputs.size(); ++k) in[k] = pointer(step.inputs[k]);
    for (size_t k = 0; k < step.outputs.size(); ++k) out[k] = pointer(step.outputs[k]);
    step.run(Arguments(in.data(), out.data(), static_cast<char*>(arena.data()) + workspaces[i]), on);
}

// While launches are recorded each lane is a stream; else the steps run in their order, which respects every dependency.
void Plan::State::launch(const Context& on) {
    const SideStreams* const sides = on.stream && lanes->count() > 1 ? side_streams(on.device.type) : nullptr;
    if (!sides) {
        for (size_t i = 0; i < graph.steps.size(); ++i) launch_step(i, on);
        return;
    }
    std::vector<void*> streams(static_cast<size_t>(lanes->count()), nullptr), ends(graph.steps.size(), nullptr);
    streams[0] = on.stream;
    void* const begin = sides->mark(on.stream);
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        void*& stream = streams[static_cast<size_t>(lanes->lane(i))];
        if (!stream) {
            stream = sides->make();
            sides->wait(stream, begin);
        }
        for (int before : lanes->waits(i)) sides->wait(stream, ends[static_cast<size_t>(before)]);
        const OnStream beside(stream);
        launch_step(i, {on.device, stream});
        if (lanes->waited_for(i)) ends[i] = sides->mark(stream);
    }
    for (size_t lane = 1; lane < streams.size(); ++lane) sides->wait(on.stream, sides->mark(streams[lane]));
}

// Shapes of what a step reads and computes; where results lie, if that is wanted.
std::string Plan::State::shapes(const Step& step, bool with_places) const {
    std::ostringstream out;
    const char* comma = "";
    for (auto v = step.inputs.begin(); v != step.inputs.end(); ++v)
        if (*v >= 0 && !graph.values[static_cast<size_t>(*v)].constant && std::find(step.inputs.begin(), v, *v) == v) {
            out << comma << graph.values[static_cast<size_t>(*v)].shape;
            comma = ", ";
        }
    out << " -> ";
    comma = "";
    for (int v : step.outputs) {
        out << comma << graph.values[static_cast<size_t>(v)].shape;
        if (const Piece& piece = places[static_cast<size_t>(v)]; with_places && piece.bytes) out << " @" << piece.offset;
        comma = ", ";
    }
    return out.str();
}

size_t Plan::State::place_values() {
    places.resize(graph.values.size());
    std::vector<char> external(graph.values.size(), 0);
    for (int v : graph.inputs) external[static_cast<size_t>(v)] = 1;
    for (int v : graph.outputs) {
        require(!graph.values[static_cast<size_t>(v)].constant && !external[static_cast<size_t>(v)],
                "a plan's output must be computed, once");
        external[static_cast<size_t>(v)] = 1;
    }
    std::vector<Use> uses(graph.values.size());
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        for (int v : graph.steps[i].outputs) {
            const auto value = static_cast<size_t>(v);
            if (!external[value]) places[value].bytes = std::max<size_t>(graph.values[value].bytes(), 1);
            uses[value].writer = i;
        }
        for (int v : graph.steps[i].inputs)
            if (v >= 0) uses[static_cast<size_t>(v)].readers.push_back(i);
    }
    std::vector<Piece> pieces;
    std::vector<Use> users;
    std::vector<size_t> owner;
    for (size_t v = 0; v < places.size(); ++v)
        if (places[v].bytes) {
            pieces.push_back(places[v]);
            users.push_back(std::move(uses[v]));
            owner.push_back(v);
        }
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        pieces.push_back({std::max<size_t>(graph.steps[i].workspace(), 1)});
        users.push_back({i, {}});
    }
    const size_t total = place(pieces, [&](size_t a, size_t b) { return together(*lanes, users[a], users[b]); });
    for (size_t b = 0; b < owner.size(); ++b) places[owner[b]].offset = pieces[b].offset;
    for (size_t b = owner.size(); b < pieces.size(); ++b) workspaces.push_back(pieces[b].offset);
    return total;
}

void Plan::State::allocate(size_t arena_bytes) {
    const bool staged = !context.device.on_host();
    size_t bytes = arena_bytes;
    for (const std::vector<int>& values : {graph.inputs, graph.outputs})
        for (int v : values) bytes += staged ? graph.values[static_cast<size_t>(v)].bytes() : 0;
    const auto stage = [&](const std::vector<int>& values, std::vector<Block>& blocks) {
        for (int v : values) {
            blocks.emplace_back(context.device, std::max<size_t>(graph.values[static_cast<size_t>(v)].bytes(), 1));
            pointers[static_cast<size_t>(v)] = blocks.back().data();
        }
    };
    try {
        MemoryScope scope("plan arena");
        arena = Block(context.device, arena_bytes);
        if (!staged) return;
        stage(graph.inputs, staged_in);
        stage(graph.outputs, staged_out);
    } catch (const OutOfMemory& error) {
        arena = {};
        staged_in.clear();
        staged_out.clear();
        release_cached_memory(context.device.type);
        const std::optional<size_t> available = available_memory(context.device.type);
        if (!available) throw;
        // All of it grows with the batch, the first axis of inputs.
        const int64_t batch = graph.values[static_cast<size_t>(graph.inputs.front())].shape[0];
        const double share = static_cast<double>(*available) / static_cast<double>(bytes);
        const auto fits = std::min(static_cast<int64_t>(static_cast<double>(batch) * share), batch - 1);
        throw error.with(fits > 0 ? concat("of a batch of ", batch, " about ", fits, " would fit") : "not even a batch of 1 would fit");
    }
}

Plan::Plan(const std::vector<Tensor>& inputs, const Network& network, const NarrowForms& forms, const std::function<void()>& traced,
           const PackedWeights* kept)
    : state_(std::make_unique<State>()) {
    require(!inputs.empty(), "a plan needs an input");
    State& s = *state_;
    s.context.device = inputs.front().device();
    require(!kept || s.context.device.on_host(), "packed weights are kept for plans on the CPU, not on ", name_of(s.context.device));
    s.replay.emplace(s.context.device);
    s.graph = trace(inputs, network);
    if (traced) traced();
    const int packed = fuse_convolutions(s.graph, s.context.device, forms, traced != nullptr, kept);
    compute_constants(s.graph, s.context.device);
    drop_unused(s.graph);
    if (kept) restore_constants(s.graph, *kept, packed);
    merge_convolutions(s.graph, s.context.device);

    const Graph& graph = s.graph;
    s.lanes.emplace(graph, s.context.device.on_host() ? 1 : most_lanes);
    const size_t total = s.place_values();
    s.pointers.resize(graph.values.size());
    s.allocate(total);
    for (size_t v = 0; v < graph.values.size(); ++v) {
        if (graph.values[v].constant)
            s.pointers[v] = graph.values[v].constant.raw();
        else if (s.places[v].bytes)
            s.pointers[v] = static_cast<char*>(s.arena.data()) + s.places[v].offset;
    }
    size_t widest = 0;
    for (const Step& step : graph.steps) widest = std::max(widest, std::max(step.inputs.size(), step.outputs.size()));
    s.in.resize(widest);
    s.out.resize(widest);
}

Plan::~Plan() = default;
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;

void Plan::run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) {
    State& s = *state_;
    require(inputs.size() == s.graph.inputs.size() && outputs.size() == s.graph.outputs.size(), "a plan with ", s.graph.inputs.size(),
            " inputs and ", s.graph.outputs.size(), " outputs got ", inputs.size(), " and ", outputs.size());
    const Device device = s.context.device;
    if (device.on_host()) {
        for (size_t i = 0; i < inputs.size(); ++i) s.pointers[static_cast<size_t>(s.graph.inputs[i])] = const_cast<void*>(inputs[i]);
        for (size_t i = 0; i < outputs.size(); ++i) s.pointers[static_cast<size_t>(s.graph.outputs[i])] = outputs[i];
        s.launch(s.context);
        return;
    }
    for (size_t i = 0; i < inputs.size(); ++i)
        copy_bytes(s.staged_in[i].data(), device, inputs[i], device, s.graph.values[static_cast<size_t>(s.graph.inputs[i])].bytes());
    s.replay->run([&s](const Context& on) { s.launch(on); });
    if (!s.replay->why_not().empty() && !std::exchange(s.said_why_not, true))
        warn_user_once("a plan is launched kernel by kernel, not as one CUDA graph, which is slower: " + s.replay->why_not());
    for (size_t i = 0; i < outputs.size(); ++i)
        copy_bytes(outputs[i], device, s.staged_out[i].data(), device, s.graph.values[static_cast<size_t>(s.graph.outputs[i])].bytes());
}

std::vector<Tensor> Plan::run(const std::vector<Tensor>& inputs) {
    std::vector<const void*> in;
    std::vector<void*> out;
    std::vector<Tensor> results;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const Value& wanted = state_->graph.values[static_cast<size_t>(state_->graph.inputs.at(i))];
        require(inputs[i].shape() == wanted.shape && inputs[i].dtype() == wanted.dtype, "a plan for an input of ", wanted.shape,
                " got one of ", inputs[i].shape());
        in.push_back(inputs[i].raw());
    }
    for (int v : state_->graph.outputs) {
        const Value& value = state_->graph.values[static_cast<size_t>(v)];
        results.push_back(Tensor::empty(value.shape, value.dtype, state_->context.device));
        out.push_back(results.back().raw());
    }
    run(in, out);
    return results;
}

std::vector<StepTime> Plan::profile(const std::vector<Tensor>& inputs, int runs) {
    State& s = *state_;
    require(s.context.device.on_host(), "steps are timed one by one on the CPU alone: use nsys or ncu for ", name_of(s.context.device));
    require(runs >= 1, "a profile needs a run");
    const std::vector<Tensor> results = run(inputs);  // sets the inputs; the first run is not timed
    for (size_t i = 0; i < results.size(); ++i) s.pointers[static_cast<size_t>(s.graph.outputs[i])] = const_cast<void*>(results[i].raw());
    std::vector<StepTime> rows;
    for (const Step& step : s.graph.steps)
        rows.push_back({step.name, s.shapes(step, false), step.detail, multiply_adds(step), std::numeric_limits<double>::infinity()});
    for (int r = 0; r < runs; ++r)
        for (size_t i = 0; i < rows.size(); ++i) {
            const double start = seconds_now();
            s.launch_step(i, s.context);
            rows[i].milliseconds = std::min(rows[i].milliseconds, 1e3 * (seconds_now() - start));
        }
    return rows;
}

const Shape& Plan::output_shape(int i) const {
    return state_->graph.values[static_cast<size_t>(state_->graph.outputs.at(static_cast<size_t>(i)))].shape;
}

size_t Plan::arena_bytes() const { return state_->arena.bytes(); }

size_t Plan::constant_bytes() const {
    size_t sum = 0;
    for (const Value& value : state_->graph.values)
        if (value.constant) sum += value.bytes();
    for (const Step& step : state_->graph.steps) sum += step.packed_bytes;
    return sum;
}

PackedWeights Plan::packed_weights() const { return purnet::packed_weights(state_->graph); }

std::string Plan::text() const {
    std::ostringstream out;
    const Graph& graph = state_->graph;
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        const Step& step = graph.steps[i];
        out << i << '\t' << step.name << '\t' << step.layer << '\t' << state_->shapes(step, true) << '\t' << step.detail
            << (step.chosen.empty() ? "" : "\t") << step.chosen << '\n';
    }
    out << "arena " << (arena_bytes() >> 20) << " MiB, weights " << (constant_bytes() >> 20) << " MiB, " << graph.steps.size()
        << " steps\n";
    if (!state_->context.device.on_host()) out << "steps in " << state_->lanes->count() << " branches\n" << launched() << '\n';
    return out.str();
}

std::string Plan::launched() const {
    if (state_->context.device.on_host()) return "";
    if (state_->replay->as_one()) return "launched as one graph";
    const std::string& why_not = state_->replay->why_not();
    return why_not.empty() ? "launched as one graph from the second run on" : "launched kernel by kernel: " + why_not;
}

}  // namespace purnet
