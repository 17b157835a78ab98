#include "core/plan/eight_bit.h"

#include <algorithm>

#include "core/parameter.h"
#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/quantise/quantise.h"

namespace purnet {

EightBit::EightBit(const Graph& graph, const Ranges& ranges) : Narrow(DType::u8), ranges_(ranges) {
    for (const Step& step : graph.steps)
        if (runs(graph, step)) {
            const Range& range = ranges_.at(graph.values[static_cast<size_t>(step.inputs[1])].constant.impl().parameter->name);
            read_.emplace(step.inputs[0], conv2d::Quantisation::of_range(range.low, range.high));
        }
    find_readers(graph);
}

bool EightBit::runs(const Graph& graph, const Step& step) const {
    const std::optional<ConvolutionForm> form = ConvolutionForm::of(step);
    if (!form || !conv2d::can_quantise(form->problem, form->pass)) return false;
    if (std::min(form->problem.c, form->problem.o) < fewest_channels) return false;
    // Without VNNI bytes are multiplied no faster than float32, which Winograd's algorithm multiplies less often.
    if (gemm::best_form8() != gemm::Form8::bytes && conv2d::winograd_tile(form->problem, form->pass)) return false;
    const Tensor& weight = graph.values[static_cast<size_t>(step.inputs[1])].constant;
    if (!weight || !weight.impl().parameter) return false;
    const auto found = ranges_.find(weight.impl().parameter->name);
    return found != ranges_.end() && found->second.high > found->second.low;
}

Step EightBit::step(Graph& graph, const Fusion& f) {
    conv2d::Int8Conv::Outputs outputs;
    Step step;
    if (exists(f.output)) {
        outputs = {.real = also_real(f.output), .bytes = read_.at(f.output)};
        step.outputs.push_back(narrow(graph, f.output));
    }
    if (outputs.real) step.outputs.push_back(f.output);
    const auto conv =
        std::make_shared<conv2d::Int8Conv>(f.form.problem, f.form.pass, f.epilogue, read_.at(f.x), outputs, f.weights(), f.biases());
    step.inputs = {narrow(graph, f.x), f.before, f.after};
    step.workspace = conv->workspace();
    step.packed_bytes = conv->bytes();
    step.packed.what = conv->layout();
    step.packed.blocks = conv->memory();
    step.detail = conv->layout();
    const int real_at = outputs.bytes ? 1 : 0;
    step.run = [conv, outputs, real_at](const Arguments& a, const Context&) {
        conv->run(a.in<uint8_t>(0), a.in<float>(1), a.in<float>(2), outputs.real ? static_cast<float*>(a.out(real_at)) : nullptr,
                  outputs.bytes ? static_cast<uint8_t*>(a.out(0)) : nullptr, a.workspace());
    };
    return step;
}

Step EightBit::conversion(const Graph& graph, int value) const {
    const conv2d::Quantisation& form = read_.at(value);
    const quantise::Problem p{graph.values[static_cast<size_t>(value)].shape.count(), form.scale, form.zero};
    Step step;
    step.name = "quantise";
    step.problem = p;
    step.run = [p](const Arguments& a, const Context& c) {
        quantise::table().get(&quantise::Kernels::forward, "quantise", {c.device.type, DType::f32})(p, a.in(0), a.out(), c);
    };
    return step;
}

}  // namespace purnet
