// A running average of the weights: a = keep a + (1 - keep) p after every step, with keep rising to its value as
// min(keep, (1 + t) / (10 + t)), t = updates before this one, so that the start is forgotten. Running statistics are averaged
// along. Often a little better on held-out pictures than the last weights, and smoother over the steps.
#pragma once

#include "core/optim/optimiser.h"

namespace purnet {

class Ema {
public:
    // Begins with the weights as they are. statistics: the one stretch of memory in which all of the store's lie, which is averaged as a
    // whole; undefined where there are none. An Error where one lies elsewhere.
    Ema(const Optimiser& optimiser, ParameterStore& store, double keep, const Tensor& statistics);

    // Nothing happens where the optimiser's last step was not made, which is asked on the device: the host does not wait.
    void update();
    // The network's weights and statistics change places with the averages: before a validation, and back after it.
    void swap();

    // "average.PARAMETER", kernels in file order, and back; `updates` counts the steps averaged so far.
    NamedArrays state() const;
    void load_state(const NamedArrays& arrays, int64_t updates);
    int64_t updates() const;  // waits for the device

private:
    template <class Body>
    void each(Body&& body) const;  // (parameter, its average)
    Tensor average_of(const Parameter& statistic) const;

    const Optimiser& optimiser_;
    std::vector<Parameter*> statistics_;
    double keep_;
    Tensor statistic_values_, statistic_averages_;  // undefined: none
    Tensor updates_;                                // int32 {1}
    Tensor share_;                                  // of the new weights, {1}
    Tensor values_;
};

}  // namespace purnet
