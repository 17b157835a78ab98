#include "core/optim/optimiser.h"

#include <cmath>

#include "core/checkpoint.h"
#include "core/ops/reduce.h"
#include "core/tape.h"
#include "kernels/binary/binary.h"
#include "kernels/optimiser/optimiser.h"
#include "kernels/runtime/current_stream.h"

namespace purnet {
namespace {

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
    }
    rates_ = Tensor::zeros({static_cast<int64_t>(groups_.size())}, dtype, device);
    factor_ = Tensor::zeros({1}, dtype, device);
    step_ = flag(0, device);
    proceed_ = flag(1, device);
}

void Optimiser::clear_gradients() const {
    for (const ParameterGroup& group : groups_) group.clear_gradients();
}

void Optimiser::complete_gradients() const {
    for (const ParameterGroup& group : groups_) group.complete_gradients();
}

Tensor Optimiser::squared_gradient_norm() const {
    NoGrad off;
    return ops::squared_norm(gradients_);
}

double Optimiser::gradient_norm() const { return std::sqrt(squared_gradient_norm().item()); }

void Optimiser::clip_gradients(double max_norm, const Tensor& squared_norm) const {
    require(max_norm > 0, "gradients can't be clipped to a norm of ", max_norm);
    const Context context = current_context(gradients_.device());
    optimiser::table().get(&optimiser::Kernels::clip_factor, "clip_factor", gradients_.key())(max_norm, squared_norm.raw(), factor_.raw(),
                                                                                              context);
    if (context.device.on_host() && factor_.item() == 1) return;  // a device multiplies by 1: cheaper than waiting for it
    const binary::Problem problem{.operation = binary::Operation::mul,
                                  .broadcast = binary::Broadcast::scalar,
                                  .images = 1,
                                  .rows = gradients_.count(),
                                  .channels = 1};
    binary::table().get(&binary::Kernels::forward, "forward", gradients_.key())(problem, gradients_.raw(), factor_.raw(), gradients_.raw(),
                                                                                context);
}

void Optimiser::tell(int64_t step, const Put& put) const {
    const auto send = [&](const Tensor& to, const Tensor& host) {
        if (put)
            put(to, host.raw());
        else
            to.copy_from(host);
    };
    const auto t = static_cast<int32_t>(step + 1);
    send(step_, Tensor::from(&t, {1}));
    std::vector<double> rates;
    for (const ParameterGroup& group : groups_) rates.push_back(group.rate(step));
    send(rates_, Tensor::from(rates.data(), rates_.shape(), rates_.dtype()));
}

void Optimiser::update(const Tensor& judged) {
    NoGrad off;
    proceed_.copy_from(ops::all_finite(judged));
    for (size_t g = 0; g < groups_.size(); ++g) update_group(g, rates_.part(static_cast<int64_t>(g), {1}), step_);
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

void Sgd::update_group(size_t g, const Tensor& rate, const Tensor&) {
    const ParameterGroup& group = groups()[g];
    const Tensor values = stretch(this->values(), g), gradients = stretch(this->gradients(), g);
    optimiser::table().get(&optimiser::Kernels::sgd, "sgd", values.key())(
        {.count = group.size(), .momentum = momentum_, .decay = group.form().weight_decay}, rate.raw(),
        static_cast<const int32_t*>(proceed().raw()), gradients.raw(), buffer(0, g).raw(), values.raw(), current_context(values.device()));
}

AdamW::AdamW(std::vector<ParameterGroup> groups, const Form& form) : Optimiser(std::move(groups), {"mean", "square"}), form_(form) {}

void AdamW::update_group(size_t g, const Tensor& rate, const Tensor& step) {
    const ParameterGroup& group = groups()[g];
    const Tensor values = stretch(this->values(), g), gradients = stretch(this->gradients(), g);
    optimiser::table().get(&optimiser::Kernels::adamw, "adamw", values.key())(
        {.count = group.size(), .beta1 = form_.beta1, .beta2 = form_.beta2, .eps = form_.eps, .decay = group.form().weight_decay},
        rate.raw(), static_cast<const int32_t*>(step.raw()), static_cast<const int32_t*>(proceed().raw()), gradients.raw(),
        buffer(0, g).raw(), buffer(1, g).raw(), values.raw(), current_context(values.device()));
}

}  // namespace purnet
