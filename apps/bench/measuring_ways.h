// The ways of a convolution on a CUDA device (kernels/conv2d/conv2d_ways.h), measured: our own kernels, and NVIDIA's libraries where they
// are installed.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/runtime/choices.h"

namespace purnet::bench {

using Times = std::map<std::string, double>;  // milliseconds by way, infinite where it failed

inline double least(const Times& times) {
    double best = std::numeric_limits<double>::infinity();
    for (const auto& [way, took] : times) best = std::min(best, took);
    return best;
}

// While alive everything is measured anew, and nothing is known afterwards.
class MeasuringWays {
public:
    MeasuringWays() {
        choices::know({});
        choices::on_measured([this](const std::string&, const Times& took) { (took.count("own") ? against_ : own_) = took; });
        choices::measure(true);
    }
    ~MeasuringWays() {
        choices::measure(false);
        choices::on_measured(nullptr);
        choices::know({});
    }
    MeasuringWays(const MeasuringWays&) = delete;
    MeasuringWays& operator=(const MeasuringWays&) = delete;

    // Our own ways; and the best of them, "own", against each library. Either is empty where there is no choice, or the same problem was
    // measured before.
    std::pair<Times, Times> measure(Key key, const conv2d::Problem& problem, conv2d::Pass pass) {
        own_.clear();
        against_.clear();
        conv2d::workspace(key, problem, pass);  // how much the fastest way needs: asks which one it is
        return {own_, against_};
    }

private:
    Times own_, against_;
};

}  // namespace purnet::bench
