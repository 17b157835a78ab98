// The record of an op: what tests, gradient checks, emulator runs, benchmarks and docs/ops.md iterate over.
//
// A direction ("forward", "backward", "backward_weights", ...) has named operands. The names carry the mathematics:
//   - a forward direction computes outputs from inputs;
//   - an operand `dX` of another direction is the derivative of one scalar with respect to the forward's operand `X`:
//     an input where X is an output of the forward, an output where X is an input; every other operand of that
//     direction is the forward's operand of the same name.
// So a gradient check needs nothing more: it runs the forward and each derivative on the reference device and compares
// with central differences. `differentiable = false` marks operands that carry no derivative (labels, running statistics).
//
// Records live in kernels/<op>/<op>_cases.cpp together with the float64 reference, which that file adds to the op's table
// under {DeviceType::reference, DType::f64}. They are linked into tests and benchmarks only.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/runtime/device.h"
#include "kernels/runtime/dtype.h"
#include "kernels/runtime/table.h"

namespace purnet::record {

// activation: has the type under test; parameter: float32 (float64 on the reference); the integers are data.
enum class Kind { activation, parameter, int32, uint8 };
enum class Role { input, output, updated, workspace };  // updated: read and overwritten

// How a test fills an input.
enum class Fill {
    any,          // exact mode: small sparse integers; real mode: uniform in [-1, 1]
    positive,     // exact mode: 1 or 2; real mode: uniform in [0.5, 1.5] (variances, scales)
    probability,  // [0, 1]: exact mode 0 or 1
    labels,       // integers 0 .. limit-1
    zero,
};

struct Operand {
    std::string name;
    Role role = Role::input;
    Kind kind = Kind::activation;
    std::vector<int64_t> shape;
    Fill fill = Fill::any;
    int64_t limit = 0;  // of labels; bytes of a workspace are its shape's product
    bool differentiable = true;
    double scale = 1;      // real mode: values times this
    int64_t multiple = 1;  // exact mode: values times this (Winograd's transforms divide)

    int64_t count() const {
        int64_t n = 1;
        for (int64_t d : shape) n *= d;
        return n;
    }
    // Where activations have the type `activation`; a workspace is bytes.
    DType dtype(DType activation) const;
};

// Pointers in the order of the operands.
using Pointers = std::vector<void*>;

struct Direction {
    std::string name;
    std::vector<Operand> operands;
    std::function<void(Key, const Pointers&, const Context&)> run;
    std::function<bool(Key)> available;
    double flops = 0;
    double bytes = 0;  // 0: the sum of the operands' bytes without workspace
    // Linear in every floating-point input separately (convolutions and their gradients, sums): tests use exact integers with
    // tolerance zero, and the bound of real values takes S = the reference on absolute values of the inputs.
    bool multilinear = false;
    int64_t reduction = 1;  // K of the bound: length of the longest accumulation
    // A multilinear twin that computes by a detour (Winograd) has a larger S than the formula: where this function returns true it has
    // written that S into the outputs, in float64, from the absolute values of the inputs.
    std::function<bool(Key, const Pointers&)> magnitude = {};
    // Others: |got - wanted| <= u_out |wanted| + rounding (u |wanted| + D) + u M, u the accumulator's unit roundoff, D the largest
    // change of that output when the reference's inputs change by +-u relatively, M the output's largest magnitude.
    double rounding = 16;
};

struct Case {
    std::string label;                       // "n2 h5 w7 c3 k3 s2 ...": with the op's name, the one-line reproducer
    bool real_layer = false;                 // from a network's layer list: benchmarks use it, tests only where small
    std::vector<Direction> directions = {};  // the first is the forward
    bool gradient = true;                    // false where so many elements lie near a kink that differences cross it
};

// A key that an op has no twin for on purpose, in no direction, and why: a few words for docs/ops.md, which has no hole without.
struct Absent {
    Key key;
    std::string why_not;
};
// Of every op that does not say otherwise.
inline std::vector<Absent> no_bf16_on_cpus() {
    return {{{DeviceType::cpu, DType::bf16},
             "CPUs train in float32; where they predict in bf16, that is a form of convolutions alone: conv2d_bf16"}};
}

struct OpRecord {
    std::string name;
    std::string formula;  // one line for docs/ops.md
    std::function<std::vector<Case>()> cases;
    // Directions whose result is no derivative (optimiser steps, metrics) have no gradient check.
    bool gradient = true;
    std::vector<Absent> absent = no_bf16_on_cpus();
};

// All records, by name. A record registers itself: `static const bool registered = add(OpRecord{...});`
bool add(OpRecord record);
const std::vector<OpRecord>& all();

}  // namespace purnet::record
