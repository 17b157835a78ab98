#include "core/plan/narrow.h"

#include <algorithm>

#include "core/plan/eight_bit.h"
#include "core/plan/sixteen_bit.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet {

std::optional<ConvolutionForm> ConvolutionForm::of(const Step& step) {
    if (const auto* p = std::any_cast<conv2d::Problem>(&step.problem)) return ConvolutionForm{*p, conv2d::Pass::forward};
    if (const auto* p = std::any_cast<conv_transpose2d::Problem>(&step.problem))
        return ConvolutionForm{conv_transpose2d::adjoint(*p), conv2d::Pass::backward_data};
    return std::nullopt;
}

Step packed_step(std::shared_ptr<conv2d::PackedConv> packed, const Fusion& fusion, int x, int output) {
    Step step;
    step.inputs = {x, fusion.before, fusion.after};
    step.outputs = {output};
    step.workspace = packed->workspace();
    step.detail = packed->method();
    step.packed_bytes = packed->bytes();
    step.packed.what = packed->layout();
    step.packed.blocks = packed->memory();
    step.packed.conv = packed;
    step.run = [packed](const Arguments& a, const Context& c) { packed->run(a.in(0), a.in(1), a.in(2), a.out(), a.workspace(), c); };
    return step;
}

std::unique_ptr<Narrow> Narrow::make(const Graph& graph, Device device, const NarrowForms& forms) {
    if (!forms.eight_bit && !forms.bf16) return nullptr;
    require(!(forms.eight_bit && forms.bf16), "a plan runs in 8 bits or in bf16, not in both");
    require(device.type == DeviceType::cpu, "plans in ", forms.bf16 ? "bf16" : "8 bits", " run on the CPU alone, not on ", name_of(device));
    if (forms.bf16) return std::make_unique<SixteenBit>(graph);
    return std::make_unique<EightBit>(graph, *forms.eight_bit);
}

void Narrow::find_readers(const Graph& graph) {
    for (const Step& step : graph.steps)
        if (runs(graph, step)) real_[step.inputs[0]] = std::count(graph.outputs.begin(), graph.outputs.end(), step.inputs[0]) > 0;
    for (const Step& step : graph.steps) {
        const bool reads = runs(graph, step);
        for (size_t i = 0; i < step.inputs.size(); ++i)
            if (const auto found = real_.find(step.inputs[i]); found != real_.end() && !(reads && i == 0)) found->second = true;
    }
}

int Narrow::narrow(Graph& graph, int value) {
    const auto [at, added] = narrow_.emplace(value, static_cast<int>(graph.values.size()));
    if (added) graph.values.push_back({graph.values[static_cast<size_t>(value)].shape, type_, Tensor(), false});
    return at->second;
}

void Narrow::add_conversions(Graph& graph) {
    for (const auto& [value, narrowed] : narrow_) {
        if (graph.producer(narrowed) >= 0) continue;
        const int maker = graph.producer(value);  // -1: an input
        Step step = conversion(graph, value);
        step.inputs = {value};
        step.outputs = {narrowed};
        graph.steps.insert(graph.steps.begin() + maker + 1, std::move(step));
    }
}

}  // namespace purnet
