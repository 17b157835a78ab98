// What TensorBoard shows of a training run: `tensorboard --logdir RUN` draws losses, rates and validation figures by step, and at
// each validation a panel of a few held-out pictures.
#pragma once

#include <optional>

#include "apps/run/event_file.h"
#include "apps/salient/stage.h"
#include "apps/salient/validation.h"

namespace purnet {

class TrainingEvents {
public:
    // `resumed_at`: steps that were done when the run was stopped.
    TrainingEvents(const std::filesystem::path& folder, std::optional<int64_t> resumed_at);

    // Steps count over all stages.
    void step(int64_t step, int stage, const StepReport& report, double rate, double pictures_per_second);
    void validation(int64_t step, const ValidationFigures& figures);
    // Rows of a panel: picture, truth, map; below, where the form has them: promotion attention, rectification attention, error map.
    void panels(int64_t step, const PurNet& net, const Validator& validator);

private:
    EventFile file_;
};

}  // namespace purnet
