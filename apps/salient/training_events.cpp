#include "apps/salient/training_events.h"

#include <algorithm>

#include "apps/salient/inspection.h"
#include "apps/salient/render.h"

namespace purnet {
namespace {

constexpr int64_t shown_pictures = 4;

}  // namespace

TrainingEvents::TrainingEvents(const std::filesystem::path& folder, std::optional<int64_t> resumed_at)
    : file_(folder, resumed_at ? std::optional(*resumed_at + 1) : std::nullopt) {}

void TrainingEvents::step(int64_t step, int stage, const StepReport& report, double rate, double pictures_per_second) {
    std::vector<std::pair<std::string, double>> values = {{"train/loss", report.total}};
    for (const auto& [name, value] : report.losses) values.emplace_back("train/" + name, value);
    values.insert(values.end(), {{"run/rate", rate},
                                 {"run/gradient norm", report.gradient_norm},
                                 {"run/pictures per second", pictures_per_second},
                                 {"run/stage", static_cast<double>(stage)}});
    file_.scalars(step, values);
}

void TrainingEvents::validation(int64_t step, const ValidationFigures& figures) {
    file_.scalars(step, {{"validation/max-F", figures.max_f}, {"validation/MAE", figures.mae}});
    file_.flush();
}

void TrainingEvents::panels(int64_t step, const PurNet& net, const Validator& validator) {
    const int64_t count = std::min(shown_pictures, validator.images());
    for (int64_t i = 0; i < count; ++i) {
        const Image picture = validator.picture(static_cast<size_t>(i));
        const Maps maps = inspect(net, picture.pixels.data(), validator.side());
        file_.image("held out/" + std::to_string(i + 1), step, render::panel(picture, validator.mask(static_cast<size_t>(i)), maps));
    }
    file_.flush();
}

}  // namespace purnet
