#include <cstdio>
#include <iostream>

#include "apps/purnet/command.h"
#include "apps/purnet/tuning.h"
#include "apps/run/console.h"
#include "apps/run/signals.h"
#include "apps/salient/training.h"

namespace purnet::app {
namespace {

struct Settings {
    TrainConfig config;
    bool resume = false, accept_changed_data = false;
    Tuning tuning;
};

// As --help and --print-config show a default.
std::string default_text(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

Run add_train(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet train --data DUTS-TR --init resnet50.pth --out runs/first",
                    "the paper's recipe on a folder with images/ and masks/");
    options.example("purnet train --preset light --data a.tar --data b.tar --init lite0.pth --minutes 90 --out runs/light",
                    "a small network in a fixed time");
    options.example("purnet train --resume --out runs/light", "go on where a run stopped");
    options.group("Run");
    auto preset = std::make_shared<std::string>("paper");
    CLI::Option* const preset_given =
        options.value("--preset", *preset, "NAME", "paper, code, light or demo: sets the options below that are not given")
            ->check(one_of(choices_of("preset")));
    options.flag("--resume", s->resume,
                 "go on from the last checkpoint in --out, with the options stored there; where the data lies and how fast it comes may "
                 "be said anew (--data, --val, --workers, --cache-mb, --superpixel-cache, --augment-on, --recompute, --graph, --log-every, "
                 "--save-every)");
    options.flag("--accept-changed-data", s->accept_changed_data,
                 "with --resume: go on although files of the data have other contents than when the run began");
    s->tuning.add_to(options);
    options.group("Options of training");
    auto chosen = std::make_shared<std::vector<std::pair<std::string, CLI::Option*>>>();
    TrainConfig::describe(s->config, [&](const char* name, auto& field, const char* help) {
        using Field = std::remove_reference_t<decltype(field)>;
        CLI::Option* option = nullptr;
        if constexpr (std::is_same_v<Field, bool>)
            option = options.flag(std::string("--") + name + ",!--no-" + name, field, help);
        else
            option =
                options.value(std::string("--") + name, field,
                              std::is_same_v<Field, std::string> || std::is_same_v<Field, std::vector<std::string>> ? "VALUE" : "N", help);
        if (const auto choices = choices_of(std::string(name)); !choices.empty()) option->check(one_of(choices));
        chosen->emplace_back(name, option);
    });
    // The preset is the ground that given options stand on.
    options.when_known([s, preset, chosen] {
        TrainConfig config;
        apply_preset(config, *preset);
        nlohmann::json merged = to_json(config);
        const nlohmann::json typed = to_json(s->config);
        for (const auto& [name, option] : *chosen)
            if (given(option))
                merged[name] = typed[name];
            else
                option->default_str(default_text(merged[name]));
        s->config = train_config_from_json(merged);
    });
    return [s, chosen, preset_given] {
        const TrainConfig& config = s->config;
        if (config.out.empty()) throw UsageError("--out is missing: the run folder");
        std::optional<Resume> resume;
        if (s->resume) {
            resume.emplace();
            resume->accept_changed_data = s->accept_changed_data;
            for (const auto& [name, option] : *chosen) {
                if (!given(option) || name == "out") continue;
                if (!may_change_on_resume(name))
                    throw UsageError("--" + name +
                                     ": a resumed run keeps its options; leave it out, or begin another run with --init-from");
                resume->replaced.push_back(name);
            }
            if (given(preset_given)) throw UsageError("--preset: a resumed run keeps its options; leave it out");
        } else {
            if (s->accept_changed_data) throw UsageError("--accept-changed-data goes with --resume");
            try {
                check(config);
            } catch (const Error& error) {
                throw UsageError(error.what());
            }
        }
        watch_signals("finishing the current step, then saving");
        const std::optional<TunedChoices> tuned = s->tuning.choices();
        const TrainResult result = train(config, resume);
        if (result.interrupted && !result.resumable) {
            say("stopped before the first step: there is nothing to go on with");
            return stop_exit_code();
        }
        if (result.interrupted) {
            say("stopped after ", result.steps, " steps; go on with:  purnet train --resume --out ", shell_word(config.out));
            return stop_exit_code();
        }
        std::printf("%lld steps", static_cast<long long>(result.steps));
        if (result.best_max_f >= 0)
            std::printf("; best validation: max-F %.4f, MAE %.4f at step %lld", result.best_max_f, result.best_mae,
                        static_cast<long long>(result.best_at));
        if (result.best_max_f >= 0 && result.best_at == 0) std::printf(": training made nothing better than what it began with");
        std::printf("\n");
        return static_cast<int>(all_fine);
    };
}

}  // namespace purnet::app
