#include "apps/salient/stage.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

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
    if (config.ema > 0) ema_.emplace(*optimiser_, net_->parameters(), config.ema);
}

PurNet::Run Stage::run_form() const {
    PurNet::Run run;
    run.mode = Mode::training;
    run.fixed = fixed_;
    run.main = !(recipe_ == Recipe::paper && number_ == 2);
    return run;
}

Tensor Stage::input_of(const Batch& batch) const { return network_input(*net_, batch.rgb.data(), batch.n, batch.h, batch.w); }

Losses Stage::losses_of(const Batch& batch, const PurNet::Outputs& outputs, LossInputs& inputs) const {
    const Device device = net_->parameters().device();
    inputs.z = outputs.z;
    inputs.zp = outputs.zp;
    inputs.zo = outputs.zo;
    inputs.ze = outputs.ze;
    inputs.mask = Tensor::from(batch.mask.data(), {batch.n, batch.h, batch.w, 1}, net_->parameters().activation_dtype(), device);
    if (!batch.labels.empty()) inputs.labels = Tensor::from(batch.labels.data(), {batch.n, batch.h, batch.w}, device);
    return purificatory_losses(inputs, {.recipe = recipe_,
                                        .stage = net_->config().has_three_stages() ? number_ : 1,
                                        .error = config_.error_loss == "kl" ? ops::ErrorLoss::kl : ops::ErrorLoss::bce,
                                        .structural = config_.structural && net_->config().has_structural_loss(),
                                        .overlap = config_.overlap});
}

double Stage::rate(int64_t step) const {
    double rate = 0;
    for (const ParameterGroup& group : optimiser_->groups()) rate = std::max(rate, group.rate(step));
    return rate;
}

std::vector<Tensor> Stage::statistics() const {
    std::vector<Tensor> values;
    for (const Parameter& p : net_->parameters().all())
        if (p.statistic) values.push_back(p.value.clone());
    return values;
}

void Stage::set_statistics(const std::vector<Tensor>& values) {
    auto next = values.begin();
    for (const Parameter& p : net_->parameters().all())
        if (p.statistic) p.value.copy_from(*next++);
}

StepReport Stage::step(const BatchSource& next, int count, int64_t step, bool report) {
    const std::vector<Tensor> before = statistics();
    try {
        StepReport result = try_step(next, count, step, report);
        if (!result.finite || result.ended) set_statistics(before);
        return result;
    } catch (...) {
        set_statistics(before);
        throw;
    }
}

void Stage::add_gradients(const Batch& batch, double share, bool report, StepReport& result, Sums& sums) {
    Tape tape(config_.recompute);
    LossInputs inputs;
    Losses losses;
    {
        Recording on(tape);
        MemoryScope scope("activations");
        losses = losses_of(batch, (*net_)(input_of(batch), run_form()), inputs);
    }
    std::vector<Tape::Root> roots = losses.tape_roots();
    for (size_t i = 0; i < roots.size(); ++i) {
        roots[i].scale = share;
        roots[i].moves = [moves = losses.roots[i].moves, frozen = fixed_](const Parameter& p) {
            const Part part = part_of(p.name);
            return moves.has(part) && !frozen.has(part);
        };
        result.total += losses.roots[i].value.item() * share;
    }
    if (report) {
        for (const LossTerm& term : losses.terms) {
            if (!sums.values.count(term.name)) sums.order.push_back(term.name);
            sums.values[term.name] += term.total() * share;
        }
        result.error_floor += error_floor(inputs) * share;
    }
    inputs = {};
    result.finite = std::isfinite(result.total);
    if (result.finite) tape.backward(roots);
}

std::string Stage::batch_that_fits(const Batch& batch) {
    const auto first = [&batch](int n) {
        const auto cut = [&](auto values) {
            values.resize(values.size() / static_cast<size_t>(batch.n) * static_cast<size_t>(n));
            return values;
        };
        return Batch{batch.step, n, batch.h, batch.w, cut(batch.rgb), cut(batch.mask), cut(batch.labels), {}};
    };
    const int fits = largest_batch(batch.n - 1, net_->parameters().device(), [&](int n) {
        StepReport result;
        Sums sums;
        optimiser_->clear_gradients();
        add_gradients(first(n), 1, false, result, sums);
    });
    optimiser_->clear_gradients();
    if (fits > 0) return concat("of a batch of ", batch.n, " pictures ", fits, " fit: use --batch ", fits);
    return concat("not even one picture of ", batch.h, " x ", batch.w,
                  " fits: use a smaller --size or --width, or a device with more memory");
}

StepReport Stage::try_step(const BatchSource& next, int count, int64_t step, bool report) {
    StepReport result;
    Sums sums;
    optimiser_->clear_gradients();
    for (int i = 0; i < count; ++i) {
        std::optional<Batch> drawn = next();
        if (!drawn) {
            result.ended = true;
            return result;
        }
        for (const std::string& name : drawn->names) result.pictures += (result.pictures.empty() ? "" : ", ") + name;
        try {
            add_gradients(*drawn, 1.0 / count, report, result, sums);
        } catch (const OutOfMemory& error) {
            throw error.with(batch_that_fits(*drawn));
        }
        if (!result.finite || i + 1 == count) result.suspect = std::move(drawn);
        if (!result.finite) return result;
    }
    for (const std::string& name : sums.order) result.losses.emplace_back(name, sums.values[name]);
    optimiser_->complete_gradients();
    if (config_.clip > 0)
        result.gradient_norm = optimiser_->clip_gradients(config_.clip);
    else
        result.gradient_norm = optimiser_->gradient_norm();
    result.finite = std::isfinite(result.gradient_norm);
    if (!result.finite) return result;
    optimiser_->step(step);
    if (ema_) ema_->update();
    result.suspect.reset();
    result.pictures.clear();
    return result;
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

std::string Stage::first_non_finite(const Batch& batch) {
    NoGrad off;
    FiniteWatch watch;
    OpObserver* before = set_op_observer(&watch);
    try {
        const Tensor image = input_of(batch);
        PurNet::Run run = run_form();
        run.mode = Mode::inference;  // the statistics stay as they are
        LossInputs inputs;
        losses_of(batch, (*net_)(image, run), inputs);
    } catch (...) {
        set_op_observer(before);
        throw;
    }
    set_op_observer(before);
    return watch.found;
}

}  // namespace purnet
