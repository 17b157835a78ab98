// Optimisers over parameter groups. A step of training:
//
//     optimiser.clear_gradients();
//     ... forward, Tape::backward ...
//     optimiser.complete_gradients();     // zero where nothing flowed
//     optimiser.step(step);               // nothing happens where a gradient is not finite; proceeded() tells
//
// `step` counts from 0 within a stage: the groups' schedules take it. An optimiser begins anew with each stage, and moves the
// values and gradients of all its parameters into one stretch of memory each.
#pragma once

#include <functional>

#include "core/formats/array.h"
#include "core/optim/parameter_group.h"

namespace purnet {

class Optimiser {
public:
    virtual ~Optimiser() = default;
    Optimiser(const Optimiser&) = delete;
    Optimiser& operator=(const Optimiser&) = delete;

    const std::vector<ParameterGroup>& groups() const { return groups_; }
    // All groups, one after the other; begin(g) is where group g begins.
    const Tensor& values() const { return values_; }
    const Tensor& gradients() const { return gradients_; }
    int64_t begin(size_t group) const { return begins_[group]; }
    Tensor stretch(const Tensor& all, size_t group) const { return all.part(begins_[group], {groups_[group].size()}); }

    void clear_gradients() const;
    void complete_gradients() const;
    // l2 over all groups, squared, {1}.
    Tensor squared_gradient_norm() const;
    double gradient_norm() const;  // waits for the device
    // Scales all gradients by max_norm / norm where that norm, given squared, is finite and above.
    void clip_gradients(double max_norm, const Tensor& squared_norm) const;

    void step(int64_t step) {
        tell(step);
        update(gradients_);
    }
    // The two halves. tell() puts the number and the rates of a step to where update() reads them on the device, by `put`, which copies
    // from the host to a tensor; update() is made where all of `judged` is finite, and launches the same whatever was told.
    using Put = std::function<void(const Tensor& to, const void* host)>;
    void tell(int64_t step, const Put& put = {}) const;
    void update(const Tensor& judged);
    // The flag of the last step on the device, int32 {1}: 1 where it was made, 0 where a gradient was not finite.
    const Tensor& proceed() const { return proceed_; }
    bool proceeded() const;  // waits for the device

    // Its buffers by name, "optimiser.BUFFER.PARAMETER", kernels in file order; for checkpoints.
    NamedArrays state() const;
    // Error where one is missing or does not fit; names that do not begin with "optimiser." are passed over.
    void load_state(const NamedArrays& arrays);

protected:
    // buffers: what the optimiser keeps for each parameter.
    Optimiser(std::vector<ParameterGroup> groups, std::vector<std::string> buffers);

    // One pass over a group; rate is a parameter {1} on the device.
    virtual void update_group(size_t group, const Tensor& rate, const Tensor& step) = 0;
    Tensor buffer(size_t which, size_t group) const { return stretch(buffers_[which], group); }

private:
    std::vector<ParameterGroup> groups_;
    std::vector<int64_t> begins_;
    Tensor values_, gradients_;
    std::vector<std::string> names_;
    std::vector<Tensor> buffers_;
    // Written in place: their addresses stay.
    Tensor rates_;    // one a group
    Tensor step_;     // int32 {1}: t = 1, 2, ...
    Tensor proceed_;  // int32 {1}
    Tensor factor_;   // of clipped gradients, {1}
};

// v = momentum v + g + weight_decay p; p -= rate v; v = 0 before the first step.
class Sgd : public Optimiser {
public:
    explicit Sgd(std::vector<ParameterGroup> groups, double momentum = 0.9);

private:
    void update_group(size_t group, const Tensor& rate, const Tensor& step) override;
    double momentum_;
};

// Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; t = step + 1. Formula: kernels/optimiser.
class AdamW : public Optimiser {
public:
    struct Form {
        double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    };
    AdamW(std::vector<ParameterGroup> groups, const Form& form);

private:
    void update_group(size_t group, const Tensor& rate, const Tensor& step) override;
    Form form_;
};

}  // namespace purnet
