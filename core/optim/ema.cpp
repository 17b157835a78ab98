#include "core/optim/ema.h"

#include "core/checkpoint.h"
#include "kernels/optimiser/optimiser.h"
#include "kernels/runtime/current_stream.h"

namespace purnet {
namespace {

void exchange(const Tensor& a, const Tensor& b) {
    const Tensor copy = a.clone();
    a.copy_from(b);
    b.copy_from(copy);
}

}  // namespace

Ema::Ema(const Optimiser& optimiser, ParameterStore& store, double keep, const Tensor& statistics)
    : optimiser_(optimiser), keep_(keep), statistic_values_(statistics) {
    require(keep > 0 && keep < 1, "a running average keeps a share between 0 and 1, not ", keep);
    MemoryScope scope("average");
    values_ = optimiser.values().clone();
    updates_ = Tensor::zeros({1}, DType::i32, values_.device());
    share_ = Tensor::zeros({1}, values_.dtype(), values_.device());
    if (statistics) statistic_averages_ = statistics.clone();
    for (Parameter& p : store.all())
        if (p.statistic) {
            statistics_.push_back(&p);
            average_of(p);
        }
}

void Ema::update() {
    const Context context = current_context(values_.device());
    const auto* proceed = static_cast<const int32_t*>(optimiser_.proceed().raw());
    optimiser::table().get(&optimiser::Kernels::average_share, "average_share", values_.key())(
        keep_, proceed, static_cast<int32_t*>(updates_.raw()), share_.raw(), context);
    const auto ema = optimiser::table().get(&optimiser::Kernels::ema, "ema", values_.key());
    const auto average = [&](const Tensor& p, const Tensor& a) { ema(p.count(), share_.raw(), proceed, p.raw(), a.raw(), context); };
    average(optimiser_.values(), values_);
    if (statistic_values_) average(statistic_values_, statistic_averages_);
}

Tensor Ema::average_of(const Parameter& statistic) const {
    const auto begin = [](const Tensor& t) { return static_cast<const char*>(t.raw()); };
    const Tensor &all = statistic_values_, &one = statistic.value;
    require(all && one.dtype() == all.dtype() && begin(one) >= begin(all) && begin(one) + one.bytes() <= begin(all) + all.bytes(),
            statistic.name, ": lies outside of the statistics that are averaged");
    return statistic_averages_.part((begin(one) - begin(all)) / static_cast<int64_t>(size_of(one.dtype())), one.shape());
}

void Ema::swap() {
    exchange(optimiser_.values(), values_);
    if (statistic_values_) exchange(statistic_values_, statistic_averages_);
}

int64_t Ema::updates() const { return updates_.to(Device{}).data<int32_t>()[0]; }

template <class Body>
void Ema::each(Body&& body) const {
    for (size_t g = 0; g < optimiser_.groups().size(); ++g) {
        const ParameterGroup& group = optimiser_.groups()[g];
        const Tensor stretch = optimiser_.stretch(values_, g);
        for (size_t i = 0; i < group.parameters().size(); ++i) body(*group.parameters()[i], group.part(stretch, i));
    }
    for (const Parameter* p : statistics_) body(*p, average_of(*p));
}

NamedArrays Ema::state() const {
    NamedArrays arrays;
    each([&](const Parameter& p, const Tensor& average) { arrays.add("average." + p.name, to_array(p, average)); });
    return arrays;
}

void Ema::load_state(const NamedArrays& arrays, int64_t updates) {
    each([&](const Parameter& p, const Tensor&) { check_array(p, "average." + p.name, arrays.at("average." + p.name)); });
    each([&](const Parameter& p, const Tensor& average) { from_array(p, arrays.at("average." + p.name), average); });
    const auto count = static_cast<int32_t>(updates);
    updates_.copy_from(Tensor::from(&count, {1}));
}

}  // namespace purnet
