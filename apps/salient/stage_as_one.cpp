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
    if (count > most_batches) return concat("--accumulate above ", most_batches, ": one recording of a step would be too large");
    return no_memory_for_graphs_;
}

StepTensors Stage::whole_step(const std::vector<BatchTensors>& batches) {
    StepTensors result;
    std::vector<Tensor> losses;
    optimiser_->clear_gradients();
    for (const BatchTensors& batch : batches) {
        StepTensors::OfBatch& left = result.batches.emplace_back();
        LossInputs inputs;
        Tape tape(config_.recompute);
        {
            Recording on(tape);
            MemoryScope scope("activations");
            left.losses = forward(batch, run_form(), inputs);
        }
        left.inputs = {.zo = inputs.zo, .mask = inputs.mask};  // what a report reads; the rest is free as the backward passes it
        inputs = {};
        std::vector<Tape::Root> roots = roots_of(left.losses);
        for (Tape::Root& root : roots) {
            root.gradient = shares_.at(batches.size());
            losses.push_back(root.value);
        }
        tape.backward(roots);
    }
    optimiser_->complete_gradients();
    result.squared_norm = optimiser_->squared_gradient_norm();
    if (config_.clip > 0) optimiser_->clip_gradients(config_.clip, result.squared_norm);
    losses.push_back(result.squared_norm);
    optimiser_->update(ops::sum_of(losses));
    if (statistics_)
        optimiser::table().get(&optimiser::Kernels::restore, "restore", statistics_.key())(
            statistics_.count(), static_cast<const int32_t*>(optimiser_->proceed().raw()), statistics_before_.raw(), statistics_.raw(),
            current_context(statistics_.device()));
    if (ema_) ema_->update();
    return result;
}

std::optional<StepReport> Stage::step_as_one(const BatchSource& next, int count, int64_t step, bool report, std::vector<Batch>& drawn) {
    StepReport result;
    for (int i = 0; i < count && !result.ended; ++i) {
        std::optional<Batch> one = next();
        result.ended = !one;
        if (one) drawn.push_back(std::move(*one));
    }
    if (result.ended) return result;
    if (!replay_)
        replay_ =
            std::make_unique<StepReplay>(*optimiser_, [this](const std::vector<BatchTensors>& batches) { return whole_step(batches); });
    if (!replay_->takes(drawn)) return std::nullopt;
    const double share = 1.0 / count;
    if (Tensor& seed = shares_[drawn.size()]; !seed)
        seed = Tensor::from(&share, {1}, optimiser_->values().dtype(), optimiser_->values().device());
    std::vector<BatchTensors> hosts;
    for (const Batch& batch : drawn) hosts.push_back(tensors_of(batch, net_->parameters().activation_dtype(), Device{}));
    const StepTensors& done = replay_->run(step, drawn, hosts);
    if (replay_->as_one()) say_once("a step is launched as one, recorded for each size of its batches");
    if (!replay_->why_not().empty()) say_once("steps are launched kernel by kernel: " + replay_->why_not());
    if (report) replay_->wait();
    take_verdicts();
    result.not_finite = std::exchange(not_finite_, {});
    for (const NotFinite& one : result.not_finite) result.finite = result.finite && one.step != step;
    if (!report) return result;
    for (const StepTensors::OfBatch& one : done.batches) {
        for (const LossRoot& root : one.losses.roots) result.total += root.value.item() * share;
        result.add(one.losses, error_floor(one.inputs), share);
    }
    result.gradient_norm = std::sqrt(done.squared_norm.item());
    return result;
}

void Stage::take_verdicts() {
    for (StepReplay::Verdict& verdict : replay_->verdicts()) {
        in_a_row_ = verdict.made ? 0 : in_a_row_ + 1;
        if (verdict.made) continue;
        NotFinite& one = not_finite_.emplace_back(NotFinite{verdict.step, in_a_row_, {}, std::move(verdict.batches)});
        for (const Batch& batch : one.suspects) one.name(batch);
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
