// Short forms for the operands of a record.
#pragma once

#include "kernels/record/record.h"

namespace purnet::record {

inline Operand input(std::string name, std::vector<int64_t> shape, Fill fill = Fill::any, double scale = 1) {
    return {
        .name = std::move(name), .role = Role::input, .kind = Kind::activation, .shape = std::move(shape), .fill = fill, .scale = scale};
}
inline Operand output(std::string name, std::vector<int64_t> shape) {
    return {.name = std::move(name), .role = Role::output, .kind = Kind::activation, .shape = std::move(shape)};
}
inline Operand workspace(size_t bytes) { return {.name = "workspace", .role = Role::workspace, .shape = {static_cast<int64_t>(bytes)}}; }

// The same operand with another kind, or without a derivative.
inline Operand parameter(Operand operand) {
    operand.kind = Kind::parameter;
    return operand;
}
inline Operand constant(Operand operand) {
    operand.differentiable = false;
    return operand;
}
inline Operand labels(std::string name, std::vector<int64_t> shape, int64_t limit) {
    return {.name = std::move(name),
            .role = Role::input,
            .kind = Kind::int32,
            .shape = std::move(shape),
            .fill = Fill::labels,
            .limit = limit,
            .differentiable = false};
}

}  // namespace purnet::record
