#include "core/parameter.h"

namespace purnet {

Parameter& ParameterStore::add(std::string name, const Shape& shape, FileLayout layout, bool statistic) {
    require(!find(name), "two parameters are named ", name);
    Parameter& p = parameters_.emplace_back();
    p.name = std::move(name);
    MemoryScope scope("parameters");
    p.statistic = statistic;
    p.layout = layout;
    set(p, values_ == Values::zero ? Tensor::zeros(shape, dtype(), device_) : Tensor::symbolic(shape, dtype(), device_));
    return p;
}

void ParameterStore::set(Parameter& p, Tensor value) const {
    p.value = std::move(value);
    p.value.impl().parameter = p.statistic ? nullptr : &p;
}

Parameter* ParameterStore::find(std::string_view name) {
    for (Parameter& p : parameters_)
        if (p.name == name) return &p;
    return nullptr;
}

int64_t ParameterStore::count() const {
    int64_t n = 0;
    for (const Parameter& p : parameters_)
        if (!p.statistic) n += p.value.count();
    return n;
}

void ParameterStore::forget_values() {
    for (Parameter& p : parameters_) set(p, Tensor::symbolic(p.value.shape(), p.value.dtype(), device_));
}

}  // namespace purnet
