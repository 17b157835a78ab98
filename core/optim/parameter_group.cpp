#include "core/optim/parameter_group.h"

namespace purnet {

ParameterGroup::ParameterGroup(GroupForm form, std::vector<Parameter*> parameters)
    : form_(std::move(form)), parameters_(std::move(parameters)) {
    require(!parameters_.empty(), "parameter group ", form_.name, " is empty");
    const Tensor& first = parameters_[0]->value;
    const auto boundary = static_cast<int64_t>(64 / size_of(first.dtype()));
    for (const Parameter* p : parameters_) {
        require(!p->statistic, p->name, " is a running statistic and belongs to no parameter group");
        require(p->value.device() == first.device() && p->value.dtype() == first.dtype(), "parameter group ", form_.name,
                " mixes devices or types, at ", p->name);
        offsets_.push_back(size_);
        size_ += (p->value.count() + boundary - 1) / boundary * boundary;
    }
}

void ParameterGroup::move_into(const Tensor& values, const Tensor& gradients) const {
    for (size_t i = 0; i < parameters_.size(); ++i) {
        Parameter& p = *parameters_[i];
        const Tensor home = part(values, i);
        home.copy_from(p.value);
        p.value = home;
        p.value.impl().parameter = &p;
        p.grad = part(gradients, i);
        p.has_grad = false;
    }
}

Tensor ParameterGroup::part(const Tensor& stretch, size_t i) const { return stretch.part(offsets_[i], parameters_[i]->value.shape()); }

void ParameterGroup::clear_gradients() const {
    for (Parameter* p : parameters_) p->has_grad = false;
}

void ParameterGroup::complete_gradients() const {
    for (const Parameter* p : parameters_)
        if (!p->has_grad) p->grad.fill_zero();
}

}  // namespace purnet
