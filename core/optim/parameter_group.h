// Parameters that share a learning rate and a weight decay, with their values and gradients in one contiguous buffer each, so
// that the optimiser, the gradient norm and the finite check are single passes.
//
// Making a group moves Parameter::value and Parameter::grad of its members into the buffers. Each parameter begins on a
// 64-byte boundary; the gaps hold zeros and stay zero. A parameter belongs to one group at a time, and keeps its part of the
// buffers alive when the group goes.
#pragma once

#include <string>
#include <vector>

#include "core/parameter.h"
#include "core/schedule.h"

namespace purnet {

struct GroupForm {
    std::string name;
    double rate = 1e-3;  // at schedule value 1
    double weight_decay = 0;
    Schedule schedule{};
};

class ParameterGroup {
public:
    // Error where there are none, or they are of several devices, or one is a statistic.
    ParameterGroup(GroupForm form, std::vector<Parameter*> parameters);

    const GroupForm& form() const { return form_; }
    const std::vector<Parameter*>& parameters() const { return parameters_; }
    double rate(int64_t step) const { return form_.rate * form_.schedule(step); }

    const Tensor& values() const { return values_; }
    const Tensor& gradients() const { return gradients_; }
    // A buffer of the same layout (momentum, averages), zero.
    Tensor buffer() const;
    // The i-th parameter's part of such a buffer.
    Tensor part(const Tensor& buffer, size_t i) const;

    // Before the backward of a step: no parameter has a gradient.
    void clear_gradients();
    // After it: zero for those that got none.
    void complete_gradients();

private:
    GroupForm form_;
    std::vector<Parameter*> parameters_;
    std::vector<int64_t> offsets_;
    int64_t size_ = 0;
    Tensor values_, gradients_;
};

}  // namespace purnet
