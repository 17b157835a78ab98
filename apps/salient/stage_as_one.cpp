// Steps that are launched as one: what of them is recorded, and what the host learns of them later (step_replay.h).
#include <cmath>
#include <utility>

#include "apps/salient/stage.h"
#include "core/ops/reduce.h"
#include "kernels/optimiser/optimiser.h"
#include "kernels/runtime/current_stream.h"

namespace purnet {

std::string Stage::why_not_as_one(int count) const {
    if (!config_.graph) return "--no-graph";
    if (count > 1) return "--accumulate draws the batches of a step one by one";
    if (no_memory_for_graphs_) return "there is no memory to keep for what a recorded step computes";
    return "";
}

StepTensors Stage::whole_step(const BatchTensors& batch) {
    StepTensors result;
    optimiser_->clear_gradients();
    LossInputs inputs;
    Tape tape(config_.recompute);
    {
        Recording on(tape);
        MemoryScope scope("activations");
        result.losses = forward(batch, run_form(), inputs);
    }
    result.inputs = {.zo = inputs.zo, .mask = inputs.mask};  // what a report reads; the rest is free as the backward passes it
    inputs = {};
    std::vector<Tape::Root> roots = roots_of(result.losses);
    for (Tape::Root& root : roots) root.gradient = one_;
    tape.backward(roots);
    optimiser_->complete_gradients();
    result.squared_norm = optimiser_->squared_gradient_norm();
    if (config_.clip > 0) optimiser_->clip_gradients(config_.clip, result.squared_norm);
    std::vector<Tensor> judged{result.squared_norm};
    for (const Tape::Root& root : roots) judged.push_back(root.value);
    optimiser_->update(ops::sum_of(judged));
    if (statistics_)
        optimiser::table().get(&optimiser::Kernels::restore, "restore", statistics_.key())(
            statistics_.count(), static_cast<const int32_t*>(optimiser_->proceed().raw()), statistics_before_.raw(), statistics_.raw(),
            current_context(statistics_.device()));
    if (ema_) ema_->update();
    return result;
}

StepReport Stage::step_as_one(const BatchSource& next, int64_t step, bool report, std::optional<Batch>& drawn) {
    StepReport result;
    drawn = next();
    if (!drawn) {
        result.ended = true;
        return result;
    }
    if (!replay_) replay_ = std::make_unique<StepReplay>(*optimiser_, [this](const BatchTensors& batch) { return whole_step(batch); });
    const StepTensors& done = replay_->run(step, *drawn, tensors_of(*drawn, Device{}));
    if (replay_->as_one()) say_once("a step is launched as one, recorded for each size of batch");
    if (!replay_->why_not().empty()) say_once("steps are launched kernel by kernel: " + replay_->why_not());
    if (report) replay_->wait();
    take_verdicts();
    result.not_finite = std::exchange(not_finite_, {});
    for (const NotFinite& one : result.not_finite) result.finite = result.finite && one.step != step;
    if (!report) return result;
    for (const LossRoot& root : done.losses.roots) result.total += root.value.item();
    for (const LossTerm& term : done.losses.terms) result.losses.emplace_back(term.name, term.total());
    result.error_floor = error_floor(done.inputs);
    result.gradient_norm = std::sqrt(done.squared_norm.item());
    return result;
}

void Stage::take_verdicts() {
    for (StepReplay::Verdict& verdict : replay_->verdicts()) {
        in_a_row_ = verdict.made ? 0 : in_a_row_ + 1;
        if (!verdict.made) not_finite_.push_back({verdict.step, in_a_row_, names_of(verdict.batch), std::move(verdict.batch)});
    }
}

std::vector<NotFinite> Stage::settle() {
    if (replay_) {
        replay_->wait();
        take_verdicts();
    }
    return std::exchange(not_finite_, {});
}

void Stage::say_once(std::string text) {
    if (!said_.insert(text).second) return;
    if (!news_.empty()) news_ += "; ";
    news_ += text;
}

}  // namespace purnet
