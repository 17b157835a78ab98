#include "core/plan/eight_bit.h"

#include <algorithm>

#include "core/parameter.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/quantise/quantise.h"

namespace purnet {
namespace {

constexpr int64_t fewest_channels = 16;  // below, making bytes costs what they save

struct Form {
    conv2d::Problem problem;
    conv2d::Pass pass = conv2d::Pass::forward;
};

std::optional<Form> form_of(const Step& step) {
    if (const auto* p = std::any_cast<conv2d::Problem>(&step.problem)) return Form{*p, conv2d::Pass::forward};
    if (const auto* p = std::any_cast<conv_transpose2d::Problem>(&step.problem))
        return Form{conv_transpose2d::adjoint(*p), conv2d::Pass::backward_data};
    return std::nullopt;
}

}  // namespace

EightBit::EightBit(const Graph& graph, const Ranges* ranges) : ranges_(ranges) {
    for (const Step& step : graph.steps)
        if (runs(graph, step)) {
            const Range& range = ranges_->at(graph.values[static_cast<size_t>(step.inputs[1])].constant.impl().parameter->name);
            read_.emplace(step.inputs[0], conv2d::Quantisation::of_range(range.low, range.high));
        }
    for (const auto& [value, form] : read_) real_[value] = std::count(graph.outputs.begin(), graph.outputs.end(), value) > 0;
    for (const Step& step : graph.steps) {
        const bool eight = runs(graph, step);
        for (size_t i = 0; i < step.inputs.size(); ++i)
            if (const auto found = real_.find(step.inputs[i]); found != real_.end() && !(eight && i == 0)) found->second = true;
    }
}

bool EightBit::runs(const Graph& graph, const Step& step) const {
    if (!ranges_) return false;
    const std::optional<Form> form = form_of(step);
    if (!form || !conv2d::can_quantise(form->problem, form->pass)) return false;
    if (std::min(form->problem.c, form->problem.o) < fewest_channels) return false;
    const Tensor& weight = graph.values[static_cast<size_t>(step.inputs[1])].constant;
    if (!weight || !weight.impl().parameter) return false;
    const auto found = ranges_->find(weight.impl().parameter->name);
    return found != ranges_->end() && found->second.high > found->second.low;
}

int EightBit::bytes_of(Graph& graph, int value) {
    const auto [at, added] = bytes_.emplace(value, static_cast<int>(graph.values.size()));
    if (added) graph.values.push_back({graph.values[static_cast<size_t>(value)].shape, DType::u8, Tensor(), false});
    return at->second;
}

Step EightBit::step(Graph& graph, const conv2d::Problem& problem, conv2d::Pass pass, const conv2d::Epilogue& epilogue,
                    const std::vector<float>& weight, const std::vector<float>& bias, int x, int before, int after, int output) {
    conv2d::Int8Conv::Outputs outputs;
    Step step;
    const auto bytes = read_.find(output);
    if (bytes != read_.end()) {
        outputs = {.real = real_.at(output), .bytes = bytes->second};
        step.outputs.push_back(bytes_of(graph, output));
    }
    if (outputs.real) step.outputs.push_back(output);
    const auto conv = std::make_shared<conv2d::Int8Conv>(problem, pass, epilogue, read_.at(x), outputs, weight.data(), bias.data());
    step.inputs = {bytes_of(graph, x), before, after};
    step.workspace = conv->workspace();
    step.detail = gemm::best_form8() == gemm::Form8::bytes ? "8 bits" : "8 bits in 16";
    const int real_at = outputs.bytes ? 1 : 0;
    step.run = [conv, outputs, real_at](const Arguments& a, const Context&) {
        conv->run(a.in<uint8_t>(0), a.in<float>(1), a.in<float>(2), outputs.real ? static_cast<float*>(a.out(real_at)) : nullptr,
                  outputs.bytes ? static_cast<uint8_t*>(a.out(0)) : nullptr, a.workspace());
    };
    return step;
}

void EightBit::add_quantise_steps(Graph& graph) {
    const auto step_for = [&](int value) {
        const conv2d::Quantisation& form = read_.at(value);
        const quantise::Problem p{graph.values[static_cast<size_t>(value)].shape.count(), form.scale, form.zero};
        Step step;
        step.name = "quantise";
        step.inputs = {value};
        step.outputs = {bytes_.at(value)};
        step.problem = p;
        step.run = [p](const Arguments& a, const Context& c) {
            quantise::table().get(&quantise::Kernels::forward, "quantise", {c.device.type, DType::f32})(p, a.in(0), a.out(), c);
        };
        return step;
    };
    for (const auto& [value, bytes] : bytes_) {
        if (graph.producer(bytes) >= 0) continue;
        const int maker = graph.producer(value);  // -1: an input
        graph.steps.insert(graph.steps.begin() + maker + 1, step_for(value));
    }
}

}  // namespace purnet
