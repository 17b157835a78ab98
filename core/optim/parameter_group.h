// Parameters that share a learning rate and a weight decay. Their values and gradients lie in one contiguous stretch each,
// so that the optimiser is a single pass over them, and the gradient norm and the finite check one over all groups.
//
// Each parameter begins on a 64-byte boundary of the stretch; the gaps hold zeros and stay zero. A parameter belongs to one
// group at a time, and keeps its part of the memory alive when the group goes.
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
    int64_t size() const { return size_; }  // elements of a stretch, gaps included

    // Parameter::value and Parameter::grad of the members become parts of these stretches, {size()} each, filled with zeros; the
    // values move along.
    void move_into(const Tensor& values, const Tensor& gradients) const;
    // The i-th parameter's part of a stretch (values, momentum, averages).
    Tensor part(const Tensor& stretch, size_t i) const;

    // Before the backward of a step: no parameter has a gradient.
    void clear_gradients() const;
    // After it: zero for those that got none.
    void complete_gradients() const;

private:
    GroupForm form_;
    std::vector<Parameter*> parameters_;
    std::vector<int64_t> offsets_;
    int64_t size_ = 0;
};

}  // namespace purnet
