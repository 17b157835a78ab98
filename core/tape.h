// The tape of define-by-run training.
//
//     Tape tape;
//     {
//         Recording on(tape);
//         loss = ...;                                   // ops on parameters are recorded; without a Recording nothing is
//     }
//     tape.backward({{main_loss, moves_extractor}, {promotion_loss, moves_promotion}});
//
// backward() takes the roots in turn. Each root moves only the parameters its predicate accepts; a gradient flows through
// other parts of the graph where one of those lies behind them. What no later root needs is freed as the walk passes it.
// Outputs that a pass over memory gives again (batch norm with its activation, sums, attentions) are not kept for the backward of the
// ops that read them but made again when the walk comes to those: the same bits, less memory (Chen et al., "Training Deep Nets with
// Sublinear Memory Cost", 2016, where only what is cheap is dropped): no parameter may change between an op and backward(). Tape(false)
// keeps everything. Gradients of parameters are added into Parameter::grad (the first writes).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/op.h"
#include "core/parameter.h"

namespace purnet {

class Tape {
public:
    struct Root {
        Tensor value;                                 // any shape; the scalar differentiated is scale * its sum
        std::function<bool(const Parameter&)> moves;  // empty: all
        double scale = 1;
        Tensor gradient = {};  // instead of scale, there already: of value's shape and of its gradient's type
    };

    explicit Tape(bool rebuilds = true);
    ~Tape();
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    void backward(const std::vector<Root>& roots);
    void backward(const Tensor& root) { backward({{root, {}, 1}}); }
    size_t size() const;

    struct State;
    State& state() { return *state_; }

private:
    std::unique_ptr<State> state_;
};

// While alive, this thread's ops are recorded on the tape.
class Recording {
public:
    explicit Recording(Tape& tape);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

private:
    Tape* previous_;
};

// While alive, this thread's ops are not recorded.
class NoGrad {
public:
    NoGrad();
    ~NoGrad();
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;

private:
    Tape* previous_;
};

namespace detail {
// Called by apply(): the tape of this thread, and the record of a finished op.
Tape* current_tape();
void record(Tape& tape, OpCall&& call, const std::vector<Tensor>& outputs);
}  // namespace detail

}  // namespace purnet
