// Where a layer registers its parameters: a store, and the dotted path in front of their names.
//
//     Conv2d conv(scope / "layer1" / 0 / "conv1", {.in = 64, .out = 64, .kernel = 1});   // layer1.0.conv1.weight
//
// Layers hold pointers into the store, which must outlive them; parameters appear in the store in the order of construction. While a layer
// computes, a LayerScope of its path stands, for messages and profilers; tapes keep the path, so a layer outlives those that recorded it.
#pragma once

#include <string>
#include <string_view>

#include "core/parameter.h"
#include "kernels/runtime/scope.h"

namespace purnet {

class Scope {
public:
    explicit Scope(ParameterStore& store, std::string path = {}) : store_(&store), path_(std::move(path)) {}

    Scope operator/(std::string_view part) const { return Scope(*store_, path_.empty() ? std::string(part) : join(part)); }
    Scope operator/(int index) const { return *this / std::to_string(index); }
    const std::string& path() const { return path_; }

    Parameter& parameter(std::string_view name, const Shape& shape, FileLayout layout = FileLayout::as_is) const {
        return store_->add(join(name), shape, layout);
    }
    Parameter& statistic(std::string_view name, const Shape& shape) const {
        return store_->add(join(name), shape, FileLayout::as_is, true);
    }

private:
    std::string join(std::string_view name) const {
        std::string joined = path_;
        joined += '.';
        joined += name;
        return joined;
    }

    ParameterStore* store_;
    std::string path_;
};

}  // namespace purnet
