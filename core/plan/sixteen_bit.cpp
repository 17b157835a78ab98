#include "core/plan/sixteen_bit.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/conv2d/conv2d_methods.h"
#include "kernels/round_bf16/round_bf16.h"
#include "kernels/runtime/isa.h"

namespace purnet {

SixteenBit::SixteenBit(const Graph& graph) : Narrow(DType::bf16) {
    if (const std::string reason = conv2d::why_no_bf16(); !reason.empty()) fail(reason);
    find_readers(graph);
}

bool SixteenBit::runs(const Graph& graph, const Step& step) const {
    const std::optional<ConvolutionForm> form = ConvolutionForm::of(step);
    // Without AMX bf16 is multiplied no faster than float32, which Winograd's algorithm multiplies less often.
    if (form && !cpu_features().amx && conv2d::winograd_tile(form->problem, form->pass)) return false;
    return form && std::min(form->problem.c, form->problem.o) >= fewest_channels &&
           graph.values[static_cast<size_t>(step.inputs[1])].constant && conv2d::can_bf16(form->problem, form->pass);
}

Step SixteenBit::step(Graph& graph, const Fusion& f) {
    const bool half = exists(f.output) && !also_real(f.output);
    auto packed = conv2d::pack_bf16(f.form.problem, f.form.pass, f.epilogue, half ? DType::bf16 : DType::f32, f.weights(), f.biases());
    return packed_step(std::move(packed), f, narrow(graph, f.x), half ? narrow(graph, f.output) : f.output);
}

Step SixteenBit::conversion(const Graph& graph, int value) const {
    const round_bf16::Problem p{graph.values[static_cast<size_t>(value)].shape.count()};
    Step step;
    step.name = "round_bf16";
    step.problem = p;
    step.run = [p](const Arguments& a, const Context& c) {
        round_bf16::table().get(&round_bf16::Kernels::forward, "forward", {c.device.type, DType::bf16})(p, a.in(0), a.out(), c);
    };
    return step;
}

}  // namespace purnet
