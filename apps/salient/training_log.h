// What a training run tells while it goes on: a console line, a record of log.jsonl and TensorBoard's files for each event.
#pragma once

#include <optional>
#include <string>

#include "apps/run/json_log.h"
#include "apps/salient/run_folder.h"
#include "apps/salient/training_events.h"

namespace purnet {

// How fast the steps since the last line went.
struct Pace {
    double step_seconds = 0;
    double wait_share = 0;  // of the time, spent waiting for data
    double pictures = 0;    // a step
    double pictures_per_second() const { return pictures / step_seconds; }
};

class TrainingLog {
public:
    // `run` describes it (the first record, or what a resume record holds); `resumed_at`: steps that were done when it was stopped.
    TrainingLog(const RunFolder& folder, const Json& run, std::optional<int64_t> resumed_at);

    // Of the step that was done last; `left` in seconds, memory in bytes.
    void step(const TrainPosition& at, int64_t stage_steps, const StepReport& report, double rate, const Pace& pace, size_t memory_peak,
              double left);
    void non_finite(const TrainPosition& at, const std::string& where, const std::string& pictures);
    void validation(const TrainPosition& at, const ValidationFigures& figures, double seconds);
    void panels(const TrainPosition& at, const PurNet& net, const Validator& validator) { events_.panels(at.total_steps, net, validator); }
    void write_failed(const std::string& reason);

private:
    JsonLog log_;
    TrainingEvents events_;
};

}  // namespace purnet
