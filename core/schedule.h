// How a learning rate changes over a stage: rate(step) = base * warm-up * shape, step = 0 .. steps - 1.
//
//     warm-up    min(1, (step + 1) / (warmup + 1))                  linear over the first `warmup` steps
//     constant   1
//     poly       (1 - t)^power                                       t = step / steps
//     cosine     floor + (1 - floor) (1 + cos(pi t)) / 2             floor: the rate at the end, relative to the base
//     step       factor^(number of milestones m with m <= t)         milestones: fractions of the stage
//
// With a warm-up, the cosine's t counts from its end: t = (step - warmup) / (steps - warmup). A step at or behind the
// stage's end has the rate of the end.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace purnet {

struct Schedule {
    enum class Shape { constant, poly, cosine, step };

    Shape shape = Shape::constant;
    int64_t steps = 1;
    int64_t warmup = 0;
    double power = 0.9;                // poly
    double floor = 0;                  // cosine
    double factor = 0.1;               // step
    std::vector<double> milestones{};  // step, ascending

    double operator()(int64_t step) const;
};

std::string_view name_of(Schedule::Shape shape);
Schedule::Shape schedule_named(std::string_view name);

}  // namespace purnet
