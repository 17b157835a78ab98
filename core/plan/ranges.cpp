#include "core/plan/ranges.h"

#include <algorithm>
#include <cmath>

#include "core/parameter.h"
#include "core/tape.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace purnet {
namespace {

// Runs every op and looks at what convolutions read.
class Watch : public OpObserver {
public:
    Ranges ranges;

    Watch() : before_(set_op_observer(this)) {}
    ~Watch() override { set_op_observer(before_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    std::vector<Tensor> observe(OpCall&& call) override {
        const bool convolves = std::any_cast<conv2d::Problem>(&call.problem) || std::any_cast<conv_transpose2d::Problem>(&call.problem);
        if (convolves && call.inputs[1].impl().parameter) {
            const std::vector<float> values = call.inputs[0].to_floats();
            const auto [low, high] = std::minmax_element(values.begin(), values.end());
            const std::string& name = call.inputs[1].impl().parameter->name;
            require(std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }), name,
                    " reads values that are not finite");
            ranges[name] = {static_cast<double>(*low), static_cast<double>(*high)};
        }
        set_op_observer(before_);
        std::vector<Tensor> outputs = apply(std::move(call));
        set_op_observer(this);
        return outputs;
    }

private:
    OpObserver* before_;
};

}  // namespace

Ranges measure_ranges(const Network& network, const std::vector<std::vector<Tensor>>& runs) {
    require(!runs.empty(), "ranges are measured on one picture at least");
    NoGrad off;
    Ranges sums;
    for (const std::vector<Tensor>& inputs : runs) {
        Watch watch;
        network(inputs);
        for (const auto& [name, range] : watch.ranges) {
            sums[name].low += range.low / static_cast<double>(runs.size());
            sums[name].high += range.high / static_cast<double>(runs.size());
        }
    }
    return sums;
}

}  // namespace purnet
