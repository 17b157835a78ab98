#include "data/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/random/philox.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet::metrics {

std::vector<Figures> bootstrap(Protocol protocol, std::span<const Scores> images, int64_t resamples, uint64_t seed) {
    require(!images.empty(), "bootstrap: there are no images to draw from");
    require(resamples > 0, "bootstrap: ", resamples, " resamples are asked for; use at least 1");
    const RandomStream stream(seed, "bootstrap");
    std::vector<Figures> out(static_cast<size_t>(resamples));
    parallel_for(resamples, 1, [&](int64_t begin, int64_t end) {
        std::vector<int32_t> drawn(images.size());
        for (int64_t r = begin; r < end; ++r) {
            std::fill(drawn.begin(), drawn.end(), 0);
            for (size_t i = 0; i < images.size(); ++i) {
                const PhiloxBlock words = stream.block(static_cast<uint64_t>(r), i);
                ++drawn[bounded(words[0] | (uint64_t{words[1]} << 32), images.size())];
            }
            Scores mean;
            for (size_t i = 0; i < images.size(); ++i)
                if (drawn[i]) add(mean, images[i], static_cast<double>(drawn[i]) / static_cast<double>(images.size()));
            out[static_cast<size_t>(r)] = figures_of(protocol, mean);
        }
    });
    return out;
}

Interval interval(std::span<const Figures> resamples, size_t figure, double share) {
    require(!resamples.empty(), "bootstrap: an interval needs at least one resample");
    std::vector<double> values;
    values.reserve(resamples.size());
    for (const Figures& figures : resamples) {
        if (std::isnan(figures.values[figure])) {
            constexpr double nan = std::numeric_limits<double>::quiet_NaN();
            return {nan, nan};
        }
        values.push_back(figures.values[figure]);
    }
    std::sort(values.begin(), values.end());
    const auto quantile = [&](double q) {
        const double position = q * static_cast<double>(values.size() - 1);
        const size_t below = static_cast<size_t>(position);
        const size_t above = std::min(below + 1, values.size() - 1);
        return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
    };
    return {quantile((1 - share) / 2), quantile((1 + share) / 2)};
}

}  // namespace purnet::metrics
