#include "core/optim/ema.h"

#include <algorithm>

#include "core/checkpoint.h"
#include "kernels/optimiser/optimiser.h"

namespace purnet {
namespace {

void exchange(const Tensor& a, const Tensor& b) {
    const Tensor copy = a.clone();
    a.copy_from(b);
    b.copy_from(copy);
}

}  // namespace

Ema::Ema(const Optimiser& optimiser, ParameterStore& store, double keep) : optimiser_(optimiser), keep_(keep) {
    require(keep > 0 && keep < 1, "a running average keeps a share between 0 and 1, not ", keep);
    MemoryScope scope("average");
    values_ = optimiser.values().clone();
    for (Parameter& p : store.all())
        if (p.statistic) {
            statistics_.push_back(&p);
            statistic_averages_.push_back(p.value.clone());
        }
}

void Ema::update() {
    const double keep = std::min(keep_, static_cast<double>(1 + updates_) / static_cast<double>(10 + updates_));
    ++updates_;
    const auto average = [&](const Tensor& p, const Tensor& a) {
        optimiser::table().get(&optimiser::Kernels::ema, "ema", p.key())(
            {.count = p.count(), .keep = keep}, static_cast<const int32_t*>(optimiser_.proceed().raw()), p.raw(), a.raw(), p.context());
    };
    average(optimiser_.values(), values_);
    for (size_t i = 0; i < statistics_.size(); ++i) average(statistics_[i]->value, statistic_averages_[i]);
}

void Ema::swap() {
    exchange(optimiser_.values(), values_);
    for (size_t i = 0; i < statistics_.size(); ++i) exchange(statistics_[i]->value, statistic_averages_[i]);
}

template <class Body>
void Ema::each(Body&& body) const {
    for (size_t g = 0; g < optimiser_.groups().size(); ++g) {
        const ParameterGroup& group = optimiser_.groups()[g];
        const Tensor stretch = optimiser_.stretch(values_, g);
        for (size_t i = 0; i < group.parameters().size(); ++i) body(*group.parameters()[i], group.part(stretch, i));
    }
    for (size_t i = 0; i < statistics_.size(); ++i) body(*statistics_[i], statistic_averages_[i]);
}

NamedArrays Ema::state() const {
    NamedArrays arrays;
    each([&](const Parameter& p, const Tensor& average) { arrays.add("average." + p.name, to_array(p, average)); });
    return arrays;
}

void Ema::load_state(const NamedArrays& arrays, int64_t updates) {
    each([&](const Parameter& p, const Tensor&) { check_array(p, "average." + p.name, arrays.at("average." + p.name)); });
    each([&](const Parameter& p, const Tensor& average) { from_array(p, arrays.at("average." + p.name), average); });
    updates_ = updates;
}

}  // namespace purnet
