// --tune and --deterministic of the commands that compute: whether the fastest way of a convolution is measured, or the fixed table's
// taken.
#pragma once

#include <optional>

#include "apps/purnet/command.h"
#include "apps/run/tuned_choices.h"

namespace purnet::app {

struct Tuning {
    bool tune = false, deterministic = false;

    void add_to(Options& options) {
        options.flag("--tune", tune,
                     "measure once which way of computing each convolution is fastest here, and keep that for later runs; results differ "
                     "from those without by rounding");
        options.flag(
            "--deterministic", deterministic,
            "take every way from a fixed table, as it is without --tune, and refuse that wherever it was set: the same bits in every "
            "run on one kind of machine, with one size of batch");
    }
    // What is measured, for as long as it is wanted; kept whenever it grows.
    std::optional<TunedChoices> choices() const {
        if (tune && deterministic) throw UsageError("--deterministic takes nothing that --tune measured: leave one of them out");
        if (!tune) return std::nullopt;
        return std::optional<TunedChoices>(std::in_place);
    }
};

}  // namespace purnet::app
