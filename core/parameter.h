// Parameters and running statistics of a network, by the names they have in files.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace purnet {

// How a file of the field's frameworks stores it: kernels are O,I,kH,kW there (transposed ones I,O,kH,kW) and have their
// second axis last here: O,kH,kW,I and I,kH,kW,O.
enum class FileLayout { as_is, channels_second };

struct Parameter {
    std::string name;
    Tensor value;
    Tensor grad;             // written by Tape::backward; same shape as value
    bool statistic = false;  // a running mean or variance: saved, never optimised
    bool has_grad = false;   // grad holds this step's gradient
    FileLayout layout = FileLayout::as_is;
};

// absent: names, types and shapes alone, for a network whose weights a plan has packed before (core/plan/packed_weights.h); whoever reads a
// value gets an Error.
enum class Values { zero, absent };

// Owns the parameters of a network in the order in which files list them. Addresses never change.
class ParameterStore {
public:
    explicit ParameterStore(Device device = {}, DType activation = DType::f32, Values values = Values::zero)
        : device_(device), activation_(activation), values_(values) {}
    ParameterStore(const ParameterStore&) = delete;
    ParameterStore& operator=(const ParameterStore&) = delete;

    Parameter& add(std::string name, const Shape& shape, FileLayout layout = FileLayout::as_is, bool statistic = false);
    Parameter* find(std::string_view name);
    std::deque<Parameter>& all() { return parameters_; }
    const std::deque<Parameter>& all() const { return parameters_; }
    int64_t count() const;  // elements of trainable parameters
    // All become absent: for networks whose weights live on in a plan. Nothing can be computed with the network afterwards.
    void forget_values();

    Device device() const { return device_; }
    DType activation_dtype() const { return activation_; }
    DType dtype() const { return parameter_dtype(activation_); }

private:
    void set(Parameter& parameter, Tensor value) const;

    Device device_;
    DType activation_;
    Values values_;
    std::deque<Parameter> parameters_;
};

}  // namespace purnet
