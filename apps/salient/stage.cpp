#include "apps/salient/stage.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "apps/salient/input.h"
#include "apps/salient/largest_batch.h"
#include "core/checkpoint.h"
#include "kernels/runtime/out_of_memory.h"
#include "nets/purnet_groups.h"

namespace purnet {
namespace {

Parts parts_named(const std::vector<std::string>& names) {
    Parts parts;
    for (const std::string& name : names) {
        if (name == "extractor") parts = parts | Parts{Part::extractor};
        if (name == "main") parts = parts | Parts{Part::main};
        if (name == "promotion") parts = parts | Parts{Part::promotion};
        if (name == "rectification") parts = parts | Parts{Part::rectification};
    }
    return parts;
}

// Runs every op and remembers the first whose output is not finite.
class FiniteWatch : public OpObserver {
public:
    std::string found;

    std::vector<Tensor> observe(OpCall&& call) override {
        std::string where(call.name);
        for (const Tensor& input : call.inputs)
            if (input && input.impl().parameter) {
                where += " with " + input.impl().parameter->name;
                break;
            }
        OpObserver* self = set_op_observer(nullptr);
        std::vector<Tensor> outputs = apply(std::move(call));
        set_op_observer(self);
        if (found.empty())
            for (const Tensor& output : outputs)
                if (output.dtype() != DType::i32 && output.dtype() != DType::u8)
                    for (const float v : output.to_floats())
                        if (!std::isfinite(v)) {
                            found = where;
                            return outputs;
                        }
        return outputs;
    }
};

}  // namespace

void NotFinite::name(const Batch& batch) {
    for (const std::string& name : batch.names) pictures += (pictures.empty() ? "" : ", ") + name;
}

void StepReport::add(const Losses& of_batch, double floor, double share) {
    for (const LossTerm& term : of_batch.terms) {
        auto at = std::find_if(losses.begin(), losses.end(), [&](const auto& loss) { return loss.first == term.name; });
        if (at == losses.end()) at = losses.insert(at, {term.name, 0.0});
        at->second += term.total() * share;
    }
    error_floor += floor * share;
}

PurNetConfig network_config(const TrainConfig& config, int stage, bool pretrained) {
    PurNetConfig net;
    net.backbone = backbone_named(config.backbone);
    net.width = config.width;
    net.ablation = ablation_named(config.ablation);
    net.promotion_gain = promotion_gain_named(config.promotion_gain);
    net.normalisation = default_normalisation(net.backbone);
    net.size = config.size;
    net.pretrained = pretrained;
    net.stage1 = stage == 1 && net.has_three_stages();
    return net;
}

Stage::Stage(const TrainConfig& config, int number, int64_t steps, std::unique_ptr<PurNet> net)
    : config_(config),
      number_(number),
      steps_(steps),
      net_(std::move(net)),
      recipe_(config.recipe == "code" ? Recipe::code : Recipe::paper) {
    const Parts frozen = parts_named(config.freeze);
    fixed_ = fixed_parts(recipe_, number) | frozen;
    RecipeRates rates;
    rates.extractor = config.rate_extractor;
    rates.others = config.rate;
    rates.weight_decay = config.weight_decay;
    rates.frozen = frozen;
    rates.schedule = {.shape = schedule_named(config.schedule),
                      .steps = steps,
                      .warmup = config.warmup,
                      .power = config.power,
                      .milestones = {0.6, 0.85}};
    std::vector<ParameterGroup> groups = purnet_groups(net_->parameters(), recipe_, number, steps, rates);
    if (config.optimiser == "adamw")
        optimiser_ = std::make_unique<AdamW>(std::move(groups), AdamW::Form{});
    else
        optimiser_ = std::make_unique<Sgd>(std::move(groups), config.momentum);
    move_statistics();
    if (config.ema > 0) ema_.emplace(*optimiser_, net_->parameters(), config.ema, statistics_);
}

PurNet::Run Stage::run_form() const {
    PurNet::Run run;
    run.mode = Mode::training;
    run.fixed = fixed_;
    run.main = !(recipe_ == Recipe::paper && number_ == 2);
    return run;
}

Losses Stage::forward(const BatchTensors& batch, const PurNet::Run& run, LossInputs& inputs) const {
    const BatchTensors made = made_of(batch, net_->parameters().activation_dtype());
    const PurNet::Outputs outputs = (*net_)(network_input(*net_, made.rgb), run);
    inputs = {outputs.z, outputs.zp, outputs.zo, outputs.ze, made.mask, made.labels};
    return purificatory_losses(inputs, {.recipe = recipe_,
                                        .stage = net_->config().has_three_stages() ? number_ : 1,
                                        .error = config_.error_loss == "kl" ? ops::ErrorLoss::kl : ops::ErrorLoss::bce,
                                        .structural = config_.structural && net_->config().has_structural_loss(),
                                        .overlap = config_.overlap});
}

std::vector<Tape::Root> Stage::roots_of(const Losses& losses) const {
    std::vector<Tape::Root> roots = losses.tape_roots();
    for (size_t i = 0; i < roots.size(); ++i)
        roots[i].moves = [moves = losses.roots[i].moves, frozen = fixed_](const Parameter& p) {
            const Part part = part_of(p.name);
            return moves.has(part) && !frozen.has(part);
        };
    return roots;
}

double Stage::rate(int64_t step) const {
    double rate = 0;
    for (const ParameterGroup& group : optimiser_->groups()) rate = std::max(rate, group.rate(step));
    return rate;
}

void Stage::move_statistics() {
    std::vector<Parameter*> all;
    for (Parameter& p : net_->parameters().all())
        if (p.statistic) all.push_back(&p);
    if (all.empty()) return;
    const Tensor& first = all.front()->value;
    const auto boundary = static_cast<int64_t>(64 / size_of(first.dtype()));
    std::vector<int64_t> begins;
    int64_t size = 0;
    for (const Parameter* p : all) {
        begins.push_back(size);
        size += (p->value.count() + boundary - 1) / boundary * boundary;
    }
    MemoryScope scope("parameters");
    statistics_ = Tensor::zeros({size}, first.dtype(), first.device());
    statistics_before_ = statistics_.clone();
    for (size_t i = 0; i < all.size(); ++i) {
        const Tensor home = statistics_.part(begins[i], all[i]->value.shape());
        home.copy_from(all[i]->value);
        all[i]->value = home;
        home.impl().parameter = all[i];
    }
}

StepReport Stage::step(const BatchSource& next, int count, int64_t step, bool report) {
    if (statistics_) statistics_before_.copy_from(statistics_);
    const auto restore = [&] {
        if (statistics_) statistics_.copy_from(statistics_before_);
    };
    const bool on_host = net_->parameters().device().on_host();
    try {
        std::vector<Batch> drawn;  // for a step that then could not be made as one
        std::string why_not = on_host ? std::string() : why_not_as_one(count);
        if (!on_host && why_not.empty()) {
            try {
                if (std::optional<StepReport> made = step_as_one(next, count, step, report, drawn)) return std::move(*made);
                not_finite_ = settle();
                why_not = concat("sizes of the batches of one step come in more than ", StepReplay::most_kinds, " combinations");
            } catch (const OutOfMemory& error) {
                // Kernel by kernel memory is shared better, by steps of several shapes above all.
                not_finite_ = settle();
                replay_.reset();
                restore();
                no_memory_for_graphs_ = concat("a recorded step finds no memory to keep: ", error.what());
                why_not = why_not_as_one(count);
            }
        }
        if (!on_host) say_once("steps are launched kernel by kernel: " + why_not);
        const BatchSource drawn_first = [&, at = size_t{0}]() mutable {
            return at < drawn.size() ? std::optional(std::move(drawn[at++])) : next();
        };
        StepReport result = try_step(drawn_first, count, step, report);
        if (!result.finite || result.ended) restore();
        result.not_finite.insert(result.not_finite.begin(), not_finite_.begin(), not_finite_.end());
        not_finite_.clear();
        return result;
    } catch (...) {
        restore();
        throw;
    }
}

void Stage::add_gradients(const Batch& batch, double share, bool report, StepReport& result) {
    Tape tape(config_.recompute);
    LossInputs inputs;
    Losses losses;
    {
        Recording on(tape);
        MemoryScope scope("activations");
        losses = forward(tensors_of(batch, net_->parameters().activation_dtype(), net_->parameters().device()), run_form(), inputs);
    }
    std::vector<Tape::Root> roots = roots_of(losses);
    for (Tape::Root& root : roots) {
        root.scale = share;
        result.total += root.value.item() * share;
    }
    if (report) result.add(losses, error_floor(inputs), share);
    inputs = {};
    result.finite = std::isfinite(result.total);
    if (result.finite) tape.backward(roots);
}

std::string Stage::batch_that_fits(const Batch& batch) {
    const int fits = largest_batch(batch.n - 1, net_->parameters().device(), [&](int n) {
        StepReport result;
        optimiser_->clear_gradients();
        add_gradients(batch.first(n), 1, false, result);
    });
    optimiser_->clear_gradients();
    if (fits > 0) return concat("of a batch of ", batch.n, " pictures ", fits, " fit: use --batch ", fits);
    return concat("not even one picture of ", batch.h, " x ", batch.w,
                  " fits: use a smaller --size or --width, or a device with more memory");
}

StepReport Stage::try_step(const BatchSource& next, int count, int64_t step, bool report) {
    StepReport result;
    NotFinite suspect{.step = step};
    const auto end = [&] {
        in_a_row_ = result.finite ? 0 : in_a_row_ + 1;
        suspect.in_a_row = in_a_row_;
        if (!result.finite) result.not_finite.push_back(std::move(suspect));
        return std::move(result);
    };
    optimiser_->clear_gradients();
    for (int i = 0; i < count; ++i) {
        std::optional<Batch> drawn = next();
        if (!drawn) {
            result.ended = true;
            return result;
        }
        suspect.name(*drawn);
        try {
            add_gradients(*drawn, 1.0 / count, report, result);
        } catch (const OutOfMemory& error) {
            throw error.with(batch_that_fits(*drawn));
        }
        if (!result.finite || i + 1 == count) suspect.suspects.push_back(std::move(*drawn));
        if (result.finite) continue;
        while (++i < count && !result.ended) result.ended = !next();
        return result.ended ? std::move(result) : end();
    }
    optimiser_->complete_gradients();
    const Tensor squared_norm = optimiser_->squared_gradient_norm();
    if (config_.clip > 0) optimiser_->clip_gradients(config_.clip, squared_norm);
    result.gradient_norm = std::sqrt(squared_norm.item());
    result.finite = std::isfinite(result.gradient_norm);
    if (!result.finite) return end();
    optimiser_->step(step);
    if (ema_) ema_->update();
    return end();
}

Stage::Averaged::Averaged(Stage& stage) : stage_(stage) {
    if (stage_.ema_) stage_.ema_->swap();
}

Stage::Averaged::~Averaged() {
    if (stage_.ema_) stage_.ema_->swap();
}

NamedArrays Stage::state(int64_t total_steps) const {
    NamedArrays arrays = state_of(net_->parameters(), total_steps);
    for (const auto& entry : optimiser_->state()) arrays.add(entry.name, entry.array);
    if (ema_) {
        for (const auto& entry : ema_->state()) arrays.add(entry.name, entry.array);
        arrays.metadata["average.updates"] = std::to_string(ema_->updates());
    }
    return arrays;
}

void Stage::load_state(NamedArrays&& arrays) {
    optimiser_->load_state(arrays);
    if (ema_) {
        const auto updates = arrays.metadata.find("average.updates");
        require(updates != arrays.metadata.end(), "the checkpoint has no averaged weights, but --ema is on");
        ema_->load_state(arrays, std::strtoll(updates->second.c_str(), nullptr, 10));
    }
    const LoadReport report = purnet::load_state(net_->parameters(), std::move(arrays));
    require(report.missing.empty(), "the checkpoint misses ", report.missing.size(), " tensors, first ",
            report.missing.empty() ? "" : report.missing.front());
}

std::string Stage::first_non_finite(const std::vector<Batch>& batches) {
    NoGrad off;
    FiniteWatch watch;
    OpObserver* before = set_op_observer(&watch);
    try {
        PurNet::Run run = run_form();
        run.mode = Mode::inference;  // the statistics stay as they are
        for (const Batch& batch : batches) {
            LossInputs inputs;
            if (watch.found.empty())
                forward(tensors_of(batch, net_->parameters().activation_dtype(), net_->parameters().device()), run, inputs);
        }
    } catch (...) {
        set_op_observer(before);
        throw;
    }
    set_op_observer(before);
    return watch.found;
}

}  // namespace purnet
