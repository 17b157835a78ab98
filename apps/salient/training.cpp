#include "apps/salient/training.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/run/computing_device.h"
#include "apps/run/console.h"
#include "apps/run/signals.h"
#include "apps/run/tuned_choices.h"
#include "apps/run/version.h"
#include "apps/salient/run_folder.h"
#include "apps/salient/self_test.h"
#include "apps/salient/stage.h"
#include "apps/salient/training_data.h"
#include "apps/salient/training_log.h"
#include "core/checkpoint.h"
#include "core/formats/safetensors.h"
#include "core/formats/weights_file.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"
#include "nets/init.h"
#include "nets/name_maps.h"

namespace purnet {
namespace {

// Times the steps between two log lines.
class PaceMeter {
public:
    explicit PaceMeter(const Loader& loader) : loader_(loader) { restart(); }
    void count() { ++steps_; }
    Pace pace(double pictures) const {
        const double seconds = seconds_now() - start_;
        return {seconds / static_cast<double>(steps_), (loader_.seconds_waited() - waited_) / seconds, pictures};
    }
    void restart() {
        start_ = seconds_now();
        waited_ = loader_.seconds_waited();
        steps_ = 0;
    }

private:
    const Loader& loader_;
    double start_ = 0, waited_ = 0;
    int64_t steps_ = 0;
};

class Trainer {
public:
    Trainer(TrainConfig config, const std::optional<Resume>& resume)
        : config_(std::move(config)), folder_(config_.out, resume.has_value()) {
        if (resume) {
            config_ = stored_config(resume->replaced);
            require(
                folder_.has_checkpoint(), config_.out,
                ": the run stopped before its first checkpoint (--save-every), so there is nothing to go on with; begin it again without "
                "--resume");
        } else {
            require(!folder_.has_checkpoint(), config_.out, ": holds a run already; use --resume to go on with it, or another --out");
        }
        check(config_);
        device_ = computing_device();
        activation_ = activation_dtype(resume.has_value());
        tf32_.emplace(config_.precision == "tf32");
        data_.emplace(config_, folder_, resume.has_value(), resume && resume->accept_changed_data, device_);
        say("pictures are augmented ", data_->augmented_on() == "host" ? "by the workers that prepare them" : "in the steps");
        validator_ = data_->validator();
        if (resume)
            checkpoint_ = folder_.read_checkpoint();
        else if (!learns_one_batch() || !fix_steps())
            return;
        if (checkpoint_) {
            position_ = checkpoint_->position;
            const auto& notes = checkpoint_->arrays.metadata;
            if (const auto record = notes.find("choices"); record != notes.end())  // not there in those of earlier versions
                if (const std::string why = other_choices(record->second); !why.empty())
                    warn("this run may go on with other bits than without a break: ", why);
        }
        folder_.write_config(config_);
        ready_ = true;
    }

    TrainResult run() {
        if (!ready_) return {.interrupted = true, .resumable = false};
        log_.emplace(folder_, first_record(), checkpoint_ ? std::optional(position_.total_steps) : std::nullopt);
        TrainResult result;
        const std::vector<int> stages = stage_numbers();
        if (!position_.finished) {
            if (!checkpoint_) position_.stage = stages.front();
            for (int number : stages) {
                if (number < position_.stage) continue;
                if (number > position_.stage) {
                    position_.stage = number;
                    position_.step = 0;
                    position_.validations_since_best = 0;
                }
                if (!run_stage(number, number == stages.back())) {
                    result.interrupted = true;
                    break;
                }
            }
        }
        result.best_max_f = position_.best_max_f;
        result.best_mae = position_.best_mae;
        result.best_at = position_.best_at;
        result.steps = position_.total_steps;
        return result;
    }

private:
    // With the present values of --out and of the options `replaced`.
    TrainConfig stored_config(const std::vector<std::string>& replaced) const {
        nlohmann::json stored = to_json(folder_.read_config());
        const nlohmann::json present = to_json(config_);
        stored["out"] = present["out"];
        for (const std::string& option : replaced) stored[option] = present[option];
        return train_config_from_json(stored);
    }

    std::vector<int> stage_numbers() const {
        if (!network_config(config_, 3, false).has_three_stages()) return {1};
        if (config_.stage != "all") return {config_.stage[0] - '0'};
        return {1, 2, 3};
    }

    // A form without attentions trains in one stage of all the steps.
    int64_t steps_of(int stage) const {
        if (!network_config(config_, 3, false).has_three_stages() && config_.stage == "all")
            return config_.steps[0] + config_.steps[1] + config_.steps[2];
        return config_.steps[static_cast<size_t>(stage - 1)];
    }

    // Weights and moments are float32 in any case, so a run may go on where there is no bf16 or tf32; that is said, not done silently.
    DType activation_dtype(bool resume) const {
        if (config_.precision == "f32") return DType::f32;
        if (!device_.on_host()) return config_.precision == "bf16" ? DType::bf16 : DType::f32;
        require(resume, "--precision ", config_.precision, " trains on CUDA devices, not on ", name_of(device_), ": use f32");
        warn("the run was begun with --precision ", config_.precision, ", which ", name_of(device_),
             " does not train in: it goes on in float32");
        return DType::f32;
    }

    // `init`, `init_from`: with the weights that these options name; else its values come from a checkpoint or an earlier stage.
    std::unique_ptr<PurNet> fresh_network(int stage, bool init, bool init_from) const {
        const bool pretrained = !config_.init.empty() || !config_.init_from.empty();
        auto net = std::make_unique<PurNet>(network_config(config_, stage, pretrained), device_, activation_);
        initialise(net->parameters(), config_.seed);
        if (init && !config_.init.empty())
            say(config_.init, ": ", load_extractor(*net, load_named_arrays(config_.init), config_.init).text());
        if (init_from && !config_.init_from.empty()) {
            const auto from = network_of(load_named_arrays(config_.init_from), config_.init_from);
            const int64_t copied = copy_common(*net, *from);
            require(copied > 0, config_.init_from, ": has no tensor in common with this network; do backbone and width agree?");
            say(config_.init_from, ": ", copied, " tensors taken");
        }
        return net;
    }

    // --self-test. False where a signal asks to stop; Error where the batch can't be learned.
    bool learns_one_batch() {
        if (!config_.self_test) return true;
        // Stage 2 alone leaves the map as it is.
        const int stage = config_.stage == "3" ? 3 : 1;
        return self_test(config_, stage, fresh_network(stage, true, true), data_->plain_batch(stage), stop_requested);
    }

    // Times a few steps of every stage on throw-away networks and divides the minutes by the shares. False where a signal asks to stop.
    bool fix_steps() {
        if (config_.minutes <= 0) return true;
        double shares = 0;
        const std::vector<int> stages = stage_numbers();
        for (int number : stages) shares += config_.shares[static_cast<size_t>(number - 1)];
        const double begin = seconds_now();
        std::vector<double> seconds;
        for (int number : stages) {
            Stage stage(config_, number, 1000, fresh_network(number, true, true));
            Loader loader = data_->loader(number);
            constexpr int warm = 2, timed = 5;
            std::vector<double> times;  // the median: a busy moment of the machine must not decide about the whole run
            for (int i = 0; i < warm + timed; ++i) {
                const double start = seconds_now();
                if (stop_requested() || stage.step(batches_of(loader), config_.accumulate, i, false).ended) return false;
                stage.settle();
                if (i >= warm) times.push_back(seconds_now() - start);
            }
            std::nth_element(times.begin(), times.begin() + timed / 2, times.end());
            seconds.push_back(times[timed / 2]);
        }
        // What validation and checkpoints take is measured in the run itself; a twentieth is kept for them.
        const double measured = seconds_now() - begin, left = std::max(1.0, config_.minutes * 60 - measured) * 0.95;
        if (measured > 0.25 * config_.minutes * 60)
            warn("measuring took ", std::lround(measured), " s of --minutes ", config_.minutes,
                 ": few steps are left; --steps says them at once");
        for (size_t i = 0; i < stages.size(); ++i) {
            const size_t number = static_cast<size_t>(stages[i] - 1);
            const double share = stages.size() == 1 ? 1 : config_.shares[number] / shares;
            config_.steps[number] = std::max<int64_t>(1, static_cast<int64_t>(left * share / seconds[i]));
            measured_[number] = seconds[i];
            say("stage ", stages[i], ": ", std::lround(seconds[i] * 1000), " ms a step, ", config_.steps[number], " steps");
        }
        if (stages.size() == 1 && config_.stage == "all") config_.steps = {config_.steps[0], 0, 0};
        config_.minutes = 0;
        return true;
    }

    // One at a time; none where a signal asks to stop between the batches of a step.
    static BatchSource batches_of(Loader& loader) {
        return [&loader, first = true]() mutable -> std::optional<Batch> {
            if (!std::exchange(first, false) && stop_requested()) return std::nullopt;
            return loader.next();
        };
    }

    std::unique_ptr<Stage> make_stage(int number) {
        // A later stage has parts that an earlier one has not: --init-from may hold them.
        std::unique_ptr<PurNet> net = fresh_network(number, !checkpoint_ && !previous_, !checkpoint_);
        if (checkpoint_) {
            auto stage = std::make_unique<Stage>(config_, number, steps_of(number), std::move(net));
            stage->load_state(std::move(checkpoint_->arrays));
            checkpoint_.reset();
            return stage;
        }
        if (previous_) copy_common(*net, previous_->net());
        previous_.reset();
        return std::make_unique<Stage>(config_, number, steps_of(number), std::move(net));
    }

    // False: a signal asked to stop; the checkpoint is written.
    bool run_stage(int number, bool last) {
        std::unique_ptr<Stage> stage = make_stage(number);
        const int64_t steps = stage->steps();
        Loader loader = data_->loader(number, position_.step * config_.accumulate);
        const int pictures = config_.batch[static_cast<size_t>(number - 1)] * config_.accumulate;
        say("stage ", number, ": ", steps, " steps of ", pictures, " pictures",
            position_.step ? concat(", from step ", position_.step) : "");
        // What fine-tuning has to beat; best.safetensors then is never worse than what was begun with.
        if (validator_ && !config_.init_from.empty() && position_.total_steps == 0) {
            say("before the first step:");
            validate(*stage);
        }
        PaceMeter meter(loader);
        while (position_.step < steps) {
            const bool report = (position_.step + 1) % config_.log_every == 0 || position_.step + 1 == steps;
            StepReport result;
            try {
                result = stage->step(batches_of(loader), config_.accumulate, position_.step, report);
            } catch (const Error& error) {
                const bool saved =
                    position_.step > 0 && save(*stage);  // a damaged picture must not cost the steps since the last checkpoint
                fail(error.what(),
                     saved ? concat("; the ", position_.total_steps,
                                    " steps so far are saved: mend that and go on with --resume --accept-changed-data --out ", config_.out)
                           : std::string());
            }
            keep_tuned_choices();
            if (result.ended) {
                require(save(*stage), "stopped after ", position_.total_steps, " steps, but the last of them could not be saved");
                return false;
            }
            ++position_.step;
            ++position_.total_steps;
            meter.count();
            if (const std::string news = stage->news(); !news.empty()) say("stage ", number, ": ", news);
            report_nonfinite(*stage, result.not_finite);
            if (report && result.finite) {
                const Pace pace = meter.pace(pictures);
                log_->step(position_, steps, result, stage->rate(position_.step - 1), pace, memory_use(device_.type).peak,
                           seconds_left(*stage, pace.step_seconds));
                meter.restart();
            }
            const bool end = position_.step == steps, stop = stop_requested();
            const bool validates = validator_ && (position_.step % config_.validate_every == 0 || end);
            const bool saves = position_.step % config_.save_every == 0;
            if (validates || saves || stop) report_nonfinite(*stage, stage->settle());
            if (validates) {
                validate(*stage);
                meter.restart();
                if (config_.patience > 0 && position_.validations_since_best >= config_.patience && !end) {
                    say("stage ", number, " ends early: ", config_.patience, " validations without improvement");
                    position_.step = steps;
                }
            }
            bool saved = true;
            if (saves || position_.step >= steps || stop) saved = save(*stage);
            if (stop && position_.step < steps) {
                require(saved, "stopped after ", position_.total_steps, " steps, but the last of them could not be saved");
                return false;
            }
        }
        say("so far, after stage ", number, ": ", memory_table(device_.type));
        if (last || !validator_) {
            const bool written = write_weights(*stage, "final.safetensors");
            require(written || !last, "the trained weights could not be written: make room and ",
                    folder_.has_checkpoint() ? concat("train again from the last checkpoint with --resume --out ", config_.out)
                                             : "begin again, for no checkpoint could be written either");
        }
        if (last) {
            position_.finished = true;  // only now: a run killed before it writes its weights once more
            save(*stage);
        }
        previous_ = std::move(stage);
        return !(stop_requested() && !last);
    }

    void report_nonfinite(Stage& stage, const std::vector<NotFinite>& steps) {
        for (const NotFinite& one : steps) {
            std::string where = stage.first_non_finite(one.suspects);
            if (where.empty()) where = "the backward pass (the forward of these pictures is finite in inference mode)";
            TrainPosition at = position_;
            at.step = one.step + 1;
            at.total_steps -= position_.step - at.step;
            log_->non_finite(at, where, one.pictures);
            require(one.in_a_row < config_.max_nonfinite, "training stops: ", one.in_a_row,
                    " steps in a row were not finite; begin again with a lower --rate or with --clip, or check the data with check-data");
        }
    }

    // Of this stage and those after it.
    double seconds_left(const Stage& stage, double step_seconds) const {
        double left = static_cast<double>(stage.steps() - position_.step) * step_seconds;
        for (int number : stage_numbers()) {
            const double measured = measured_[static_cast<size_t>(number - 1)];
            if (number > stage.number()) left += static_cast<double>(steps_of(number)) * (measured > 0 ? measured : step_seconds);
        }
        return left;
    }

    void validate(Stage& stage) {
        const double begin = seconds_now();
        ValidationFigures figures;
        {
            const Stage::Averaged averaged(stage);
            figures = validator_->run(stage.net());
            log_->panels(position_, stage.net(), *validator_);
            // A network of the first stage is a prediction in its own right, until a later stage is better.
            if (config_.best_by == "mae" ? figures.mae < position_.best_mae : figures.max_f > position_.best_max_f) {
                position_.validations_since_best = 0;
                // Where it can't be written (a full disk), the next one that beats the file lying there is tried.
                if (save_weights(stage, "best.safetensors",
                                 {{"validation.max_f", std::to_string(figures.max_f)}, {"validation.mae", std::to_string(figures.mae)}})) {
                    position_.best_max_f = figures.max_f;
                    position_.best_mae = figures.mae;
                    position_.best_at = position_.total_steps;
                }
            } else {
                ++position_.validations_since_best;
            }
        }
        log_->validation(position_, figures, seconds_now() - begin);
    }

    bool write_weights(Stage& stage, const char* name) {
        const Stage::Averaged averaged(stage);
        return save_weights(stage, name, {});
    }

    // A failed write (a full disk) is said and training goes on with what lies there from before. False: it failed.
    bool save_weights(Stage& stage, const char* name, const std::map<std::string, std::string>& notes) {
        NamedArrays arrays = weights_of(stage.net(), position_.total_steps);
        arrays.metadata["trained.steps"] = std::to_string(position_.total_steps);
        arrays.metadata["trained.recipe"] = config_.recipe + (config_.preset.empty() ? "" : ", preset " + config_.preset);
        for (const auto& [key, value] : notes) arrays.metadata[key] = value;
        return keep_going([&] { write_safetensors(folder_.file(name), arrays); });
    }

    bool save(Stage& stage) {
        return keep_going([&] {
            NamedArrays state = stage.state(position_.total_steps);
            state.metadata["choices"] = choices_record();
            for (const auto& [name, array] : state)
                require(first_non_finite(array) < 0, "the checkpoint after step ", position_.total_steps, " is not written: ", name,
                        " holds values that are no finite numbers");
            folder_.write_checkpoint(state, position_);
        });
    }

    template <class Write>
    bool keep_going(Write&& write) {
        try {
            write();
            return true;
        } catch (const Error& error) {
            log_->write_failed(error.what());
            return false;
        }
    }

    Json first_record() const {
        Json record = {{"command", command_words()},        {"program", program_version()},
                       {"build", build_description()},      {"processor", processor_description()},
                       {"libraries", library_versions()},   {"config", Json::parse(to_json(config_).dump())},
                       {"instruction_set", name_of(isa())}, {"threads", thread_count()},
                       {"device", name_of(device_)},        {"seed", config_.seed},
                       {"pictures", data_->pictures()},     {"held_out", data_->held_out()},
                       {"data_hash", data_->hash()},        {"held_out_hash", data_->held_out_hash()}};
        record["augmented_on"] = data_->augmented_on();
        return record;
    }

    TrainConfig config_;
    bool ready_ = false;  // else a signal came while steps were measured
    Device device_;
    DType activation_ = DType::f32;
    std::optional<AllowTf32> tf32_;
    RunFolder folder_;
    std::optional<TrainingData> data_;
    std::optional<Validator> validator_;
    std::optional<RunFolder::Checkpoint> checkpoint_;
    TrainPosition position_;
    std::array<double, 3> measured_{};  // seconds a step of each stage, where --minutes measured them
    std::unique_ptr<Stage> previous_;
    std::optional<TrainingLog> log_;
};

}  // namespace

bool may_change_on_resume(const std::string& option) {
    constexpr const char* free[] = {"data",      "val",        "workers",   "cache-mb", "superpixel-cache", "superpixel-cache-mb",
                                    "log-every", "save-every", "recompute", "graph",    "augment-on"};
    return std::find(std::begin(free), std::end(free), option) != std::end(free);
}

TrainResult train(TrainConfig config, const std::optional<Resume>& resume) { return Trainer(std::move(config), resume).run(); }

}  // namespace purnet
