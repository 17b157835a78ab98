#include "core/plan/graph.h"

#include <map>

#include "core/tape.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/runtime/current_layer.h"

namespace purnet {
namespace {

class Tracer : public OpObserver {
public:
    Graph graph;

    Tensor input(const Tensor& like) {
        const Tensor t = Tensor::symbolic(like.shape(), like.dtype(), like.device());
        graph.inputs.push_back(add(t, Tensor()));
        graph.values.back().is_input = true;
        return t;
    }

    // What this tracer has not made is a constant, though its values may be absent.
    int value_of(const Tensor& t) {
        const auto known = ids_.find(&t.impl());
        return known != ids_.end() ? known->second : add(t, t);
    }

    std::vector<Tensor> observe(OpCall&& call) override {
        if (call.view) {
            const int of = value_of(call.inputs.front());
            require(graph.values[static_cast<size_t>(of)].constant.defined(), call.name, ": a plan has no views of what it computes");
            return {call.inputs.front().view(call.outputs.front().shape)};
        }
        Step step;
        step.name = call.name;
        if (const char* const layer = current_layer()) step.layer = layer;
        Device device;
        for (const Tensor& t : call.inputs) {
            step.inputs.push_back(t ? value_of(t) : -1);
            if (t) device = t.device();
        }
        std::vector<Tensor> outputs;
        for (const OpCall::Output& output : call.outputs) {
            outputs.push_back(Tensor::symbolic(output.shape, output.dtype, device));
            step.outputs.push_back(add(outputs.back(), Tensor()));
        }
        step.workspace = call.workspace;
        step.run = std::move(call.forward);
        step.problem = std::move(call.problem);
        graph.steps.push_back(std::move(step));
        return outputs;
    }

private:
    int add(const Tensor& t, Tensor constant) {
        const int id = static_cast<int>(graph.values.size());
        graph.values.push_back({t.shape(), t.dtype(), std::move(constant), false});
        ids_[&t.impl()] = id;
        alive_.push_back(t);
        return id;
    }

    std::map<const Tensor::Impl*, int> ids_;
    std::vector<Tensor> alive_;  // an id is an address: it must not be used again
};

class Observing {
public:
    explicit Observing(OpObserver* observer) : previous_(set_op_observer(observer)) {}
    ~Observing() { set_op_observer(previous_); }
    Observing(const Observing&) = delete;
    Observing& operator=(const Observing&) = delete;

private:
    OpObserver* previous_;
};

}  // namespace

int Graph::add_constant(Tensor tensor) {
    values.push_back({tensor.shape(), tensor.dtype(), tensor, false});
    return static_cast<int>(values.size()) - 1;
}

int Graph::uses(int value) const {
    int count = 0;
    for (const Step& step : steps)
        for (int input : step.inputs) count += input == value;
    for (int output : outputs) count += output == value;
    return count;
}

int Graph::producer(int value) const {
    for (size_t i = 0; i < steps.size(); ++i)
        for (int output : steps[i].outputs)
            if (output == value) return static_cast<int>(i);
    return -1;
}

Graph trace(const std::vector<Tensor>& symbolic_inputs, const Network& network) {
    NoGrad off;
    Tracer tracer;
    std::vector<Tensor> inputs;
    for (const Tensor& input : symbolic_inputs) inputs.push_back(tracer.input(input));
    {
        Observing on(&tracer);
        for (const Tensor& output : network(inputs)) tracer.graph.outputs.push_back(tracer.value_of(output));
    }
    drop_unused(tracer.graph);
    return std::move(tracer.graph);
}

double multiply_adds(const Step& step) {
    if (const auto* p = std::any_cast<conv2d::Problem>(&step.problem)) return p->flops() / 2;
    if (const auto* p = std::any_cast<conv_transpose2d::Problem>(&step.problem))
        return static_cast<double>(p->n * p->h * p->w * p->c * p->kh * p->kw * p->o);
    return step.multiply_adds;
}

void drop_unused(Graph& graph) {
    std::vector<char> needed(graph.values.size(), 0);
    for (int output : graph.outputs) needed[static_cast<size_t>(output)] = 1;
    std::vector<Step> kept;
    for (size_t i = graph.steps.size(); i-- > 0;) {
        Step& step = graph.steps[i];
        bool wanted = false;
        for (int output : step.outputs) wanted = wanted || needed[static_cast<size_t>(output)];
        if (!wanted) continue;
        for (int input : step.inputs)
            if (input >= 0) needed[static_cast<size_t>(input)] = 1;
        kept.push_back(std::move(step));
    }
    graph.steps.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
    for (size_t v = 0; v < graph.values.size(); ++v)
        if (!needed[v]) graph.values[v].constant = Tensor();
}

}  // namespace purnet
