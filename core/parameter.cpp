#include "core/parameter.h"

namespace purnet {

Parameter& ParameterStore::add(std::string name, const Shape& shape, FileLayout layout, bool statistic) {
    require(!find(name), "two parameters are named ", name);
    Parameter& p = parameters_.emplace_back();
    p.name = std::move(name);
    MemoryScope scope("parameters");
    p.value = Tensor::zeros(shape, dtype(), device_);
    p.value.impl().parameter = statistic ? nullptr : &p;
    p.statistic = statistic;
    p.layout = layout;
    return p;
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
    for (Parameter& p : parameters_) p.value = Tensor();
}

}  // namespace purnet
