#include "apps/salient/training_log.h"

#include <cstdarg>
#include <cstdio>

#include "apps/run/console.h"
#include "apps/run/progress.h"

namespace purnet {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* how, ...) {
    char text[256];
    std::va_list values;
    va_start(values, how);
    std::vsnprintf(text, sizeof text, how, values);
    va_end(values);
    return text;
}

JsonLog open_log(const RunFolder& folder, const Json& run, std::optional<int64_t> resumed_at) {
    return resumed_at ? JsonLog(folder.file("log.jsonl"), run, *resumed_at) : JsonLog(folder.file("log.jsonl"), run);
}

Json position_fields(const TrainPosition& at) { return {{"stage", at.stage}, {"stage_step", at.step}, {"step", at.total_steps}}; }

}  // namespace

TrainingLog::TrainingLog(const RunFolder& folder, const Json& run, std::optional<int64_t> resumed_at)
    : log_(open_log(folder, run, resumed_at)), events_(folder.file("tensorboard"), resumed_at) {}

void TrainingLog::step(const TrainPosition& at, int64_t stage_steps, const StepReport& report, double rate, const Pace& pace,
                       size_t memory_peak, double left) {
    std::string parts;
    Json losses;
    for (const auto& [name, value] : report.losses) {
        parts += format(" %s %.4f", name.c_str(), value);
        losses[name] = value;
        if (name == "error") {
            losses["error_less_floor"] = value - report.error_floor;
            parts += format(" (above its floor %.4f)", value - report.error_floor);
        }
    }
    say(format("stage %d step %lld/%lld loss %.4f", at.stage, static_cast<long long>(at.step), static_cast<long long>(stage_steps),
               report.total),
        parts,
        format(" | rate %.2e | %.1f pictures/s, %.0f%% waiting | %zu MiB | ", rate, pace.pictures_per_second(), 100 * pace.wait_share,
               memory_peak >> 20),
        duration_text(left), " left");
    Json fields = position_fields(at);
    fields.update({{"loss", report.total},
                   {"losses", losses},
                   {"gradient_norm", report.gradient_norm},
                   {"rate", rate},
                   {"pictures_per_second", pace.pictures_per_second()},
                   {"wait_share", pace.wait_share},
                   {"memory_peak", memory_peak}});
    log_.write("train", fields);
    events_.step(at.total_steps, at.stage, report, rate, pace.pictures_per_second());
}

void TrainingLog::non_finite(const TrainPosition& at, const std::string& where, const std::string& pictures) {
    warn("step ", at.step, " of stage ", at.stage, ": the loss or a gradient is not finite; skipped. First: ", where,
         ". Pictures: ", pictures);
    Json fields = position_fields(at);
    fields.update({{"where", where}, {"pictures", pictures}});
    log_.write("non-finite", fields);
}

void TrainingLog::validation(const TrainPosition& at, const ValidationFigures& figures, double seconds) {
    say(format("validation: max-F %.4f, MAE %.4f on %lld pictures (%.0f s); best so far: max-F %.4f, MAE %.4f at step %lld", figures.max_f,
               figures.mae, static_cast<long long>(figures.images), seconds, at.best_max_f, at.best_mae,
               static_cast<long long>(at.best_at)));
    Json fields = position_fields(at);
    fields.update({{"max_f", figures.max_f}, {"mae", figures.mae}, {"images", figures.images}});
    log_.write("val", fields);
    events_.validation(at.total_steps, figures);
}

void TrainingLog::write_failed(const std::string& reason) {
    warn(reason, "; training goes on, the earlier file stays");
    log_.write("write failed", {{"reason", reason}});
}

}  // namespace purnet
