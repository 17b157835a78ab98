#include "core/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/runtime/error.h"

namespace purnet {

double Schedule::operator()(int64_t step) const {
    require(step >= 0 && steps >= 1 && warmup >= 0, "a schedule of ", steps, " steps with ", warmup, " of warm-up has no step ", step);
    const double ramp = std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(warmup + 1));
    const double t = std::min(1.0, static_cast<double>(step) / static_cast<double>(steps));
    switch (shape) {
        case Shape::constant: return ramp;
        case Shape::poly: return ramp * std::pow(1 - t, power);
        case Shape::cosine: {
            if (step < warmup) return ramp;
            const double rest = static_cast<double>(std::max<int64_t>(steps - warmup, 1));
            const double u = std::min(1.0, static_cast<double>(step - warmup) / rest);
            return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * u));
        }
        case Shape::step: {
            const auto passed = std::count_if(milestones.begin(), milestones.end(), [t](double m) { return m <= t; });
            return ramp * std::pow(factor, static_cast<double>(passed));
        }
    }
    fail("unnamed schedule");
}

std::string_view name_of(Schedule::Shape shape) {
    switch (shape) {
        case Schedule::Shape::constant: return "constant";
        case Schedule::Shape::poly: return "poly";
        case Schedule::Shape::cosine: return "cosine";
        case Schedule::Shape::step: return "step";
    }
    fail("unnamed schedule");
}

Schedule::Shape schedule_named(std::string_view name) {
    for (const auto shape : {Schedule::Shape::constant, Schedule::Shape::poly, Schedule::Shape::cosine, Schedule::Shape::step})
        if (name_of(shape) == name) return shape;
    fail("schedule \"", name, "\" is unknown: choose one of constant, poly, cosine, step");
}

}  // namespace purnet
