#include "core/optim/optimiser.h"

#include <cmath>

#include "core/checkpoint.h"
#include "core/ops/reduce.h"
#include "core/tape.h"
#include "kernels/binary/binary.h"
#include "kernels/optimiser/optimiser.h"

namespace purnet {
namespace {

Tensor scalar(double value, const Tensor& like) { return Tensor::from(&value, {1}, like.dtype(), like.device()); }

Tensor flag(int32_t value, Device device) { return Tensor::from(&value, {1}, device); }

}  // namespace

Optimiser::Optimiser(std::vector<ParameterGroup> groups, std::vector<std::string> names)
    : groups_(std::move(groups)), names_(std::move(names)) {
    require(!groups_.empty(), "an optimiser without parameters");
    int64_t size = 0;
    for (const ParameterGroup& group : groups_) {
        begins_.push_back(size);
        size += group.size();
    }
    const Tensor& first = groups_[0].parameters()[0]->value;
    const DType dtype = first.dtype();
    const Device device = first.device();
    const auto zeros = [&](const char* name) {
        MemoryScope scope(name);
        return Tensor::zeros({size}, dtype, device);
    };
    values_ = zeros("parameters");
    gradients_ = zeros("parameter gradients");
    for (size_t i = 0; i < names_.size(); ++i) buffers_.push_back(zeros("optimiser"));
    for (size_t g = 0; g < groups_.size(); ++g) {
        groups_[g].move_into(stretch(values_, g), stretch(gradients_, g));
        rates_.push_back(scalar(0, values_));
    }
    step_ = flag(0, device);
    proceed_ = flag(1, device);
}

void Optimiser::clear_gradients() const {
    for (const ParameterGroup& group : groups_) group.clear_gradients();
}

void Optimiser::complete_gradients() const {
    for (const ParameterGroup& group : groups_) group.complete_gradients();
}

double Optimiser::gradient_norm() const {
    NoGrad off;
    return std::sqrt(ops::squared_norm(gradients_).item());
}

double Optimiser::clip_gradients(double max_norm) const {
    require(max_norm > 0, "gradients can't be clipped to a norm of ", max_norm);
    const double norm = gradient_norm();
    if (norm <= max_norm || !std::isfinite(norm)) return norm;
    const Tensor factor = scalar(max_norm / norm, gradients_);
    const binary::Problem problem{.operation = binary::Operation::mul,
                                  .broadcast = binary::Broadcast::scalar,
                                  .images = 1,
                                  .rows = gradients_.count(),
                                  .channels = 1};
    binary::table().get(&binary::Kernels::forward, "forward", gradients_.key())(problem, gradients_.raw(), factor.raw(), gradients_.raw(),
                                                                                gradients_.context());
    return norm;
}

void Optimiser::step(int64_t step) {
    NoGrad off;
    const auto t = static_cast<int32_t>(step + 1);
    step_.copy_from(Tensor::from(&t, {1}));
    proceed_ = ops::all_finite(gradients_);
    for (size_t g = 0; g < groups_.size(); ++g) {
        const double rate = groups_[g].rate(step);
        rates_[g].copy_from(Tensor::from(&rate, {1}, values_.dtype()));
        update(g, rates_[g], step_);
    }
}

bool Optimiser::proceeded() const { return proceed_.to(Device{}).data<int32_t>()[0] != 0; }

NamedArrays Optimiser::state() const {
    NamedArrays arrays;
    for (size_t b = 0; b < buffers_.size(); ++b)
        for (size_t g = 0; g < groups_.size(); ++g)
            for (size_t i = 0; i < groups_[g].parameters().size(); ++i) {
                const Parameter& p = *groups_[g].parameters()[i];
                arrays.add("optimiser." + names_[b] + "." + p.name, to_array(p, groups_[g].part(buffer(b, g), i)));
            }
    return arrays;
}

void Optimiser::load_state(const NamedArrays& arrays) {
    const auto each = [&](auto&& body) {
        for (size_t b = 0; b < buffers_.size(); ++b)
            for (size_t g = 0; g < groups_.size(); ++g)
                for (size_t i = 0; i < groups_[g].parameters().size(); ++i) {
                    const Parameter& p = *groups_[g].parameters()[i];
                    body(p, "optimiser." + names_[b] + "." + p.name, groups_[g].part(buffer(b, g), i));
                }
    };
    size_t known = 0, there = 0;
    for (const auto& entry : arrays) there += entry.name.starts_with("optimiser.");
    each([&](const Parameter& p, const std::string& name, const Tensor&) {
        const Array* array = arrays.find(name);
        require(array, "the optimiser's ", name, " is missing: the checkpoint is not of this stage of training");
        check_array(p, name, *array);
        ++known;
    });
    require(known == there, "the checkpoint holds ", there, " buffers of an optimiser where this one has ", known,
            ": it is not of this stage of training");
    each([&](const Parameter& p, const std::string& name, const Tensor& to) { from_array(p, arrays.at(name), to); });
}

Sgd::Sgd(std::vector<ParameterGroup> groups, double momentum) : Optimiser(std::move(groups), {"momentum"}), momentum_(momentum) {}

void Sgd::update(size_t g, const Tensor& rate, const Tensor&) {
    const ParameterGroup& group = groups()[g];
    const Tensor values = stretch(this->values(), g), gradients = stretch(this->gradients(), g);
    optimiser::table().get(&optimiser::Kernels::sgd, "sgd", values.key())(
        {.count = group.size(), .momentum = momentum_, .decay = group.form().weight_decay}, rate.raw(),
        static_cast<const int32_t*>(proceed().raw()), gradients.raw(), buffer(0, g).raw(), values.raw(), values.context());
}

AdamW::AdamW(std::vector<ParameterGroup> groups, const Form& form) : Optimiser(std::move(groups), {"mean", "square"}), form_(form) {}

void AdamW::update(size_t g, const Tensor& rate, const Tensor& step) {
    const ParameterGroup& group = groups()[g];
    const Tensor values = stretch(this->values(), g), gradients = stretch(this->gradients(), g);
    optimiser::table().get(&optimiser::Kernels::adamw, "adamw", values.key())(
        {.count = group.size(), .beta1 = form_.beta1, .beta2 = form_.beta2, .eps = form_.eps, .decay = group.form().weight_decay},
        rate.raw(), static_cast<const int32_t*>(step.raw()), static_cast<const int32_t*>(proceed().raw()), gradients.raw(),
        buffer(0, g).raw(), buffer(1, g).raw(), values.raw(), values.context());
}

}  // namespace purnet
