// The one way an operation runs: apply(OpCall) allocates the outputs, runs the kernel, and, where a tape records or a plan
// traces, tells them. Every file of core/ops builds an OpCall from Tensors and the contract of its kernel room.
#pragma once

#include <any>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace purnet {

// Raw operands of one run; a plan runs the same closure with pointers into its arena.
class Arguments {
public:
    Arguments(const void* const* inputs, void* const* outputs, void* workspace)
        : inputs_(inputs), outputs_(outputs), workspace_(workspace) {}

    template <class T = void>
    const T* in(int i) const {
        return static_cast<const T*>(inputs_[i]);
    }
    // An input that the op overwrites (running statistics).
    void* updated(int i) const { return const_cast<void*>(inputs_[i]); }
    void* out(int i = 0) const { return outputs_[i]; }
    void* workspace() const { return workspace_; }

private:
    const void* const* inputs_;
    void* const* outputs_;
    void* workspace_;
};

// What the backward of one recorded op sees.
class Gradients {
public:
    virtual ~Gradients() = default;
    // Only those that the OpCall lists as saved.
    virtual const Tensor& input(int i) const = 0;
    virtual const Tensor& output(int i = 0) const = 0;
    // Gradient of output i; zeros where nothing flowed back to it.
    virtual Tensor grad(int i = 0) = 0;
    virtual bool has_grad(int i) const = 0;
    virtual bool wanted(int i) const = 0;
    // Memory for the gradient of input i, to be overwritten whole; null where it is not wanted. Sums over several uses are
    // the tape's work.
    virtual void* destination(int i) = 0;
    // A gradient that exists already (identity, reshaped): shared, not copied.
    virtual void give(int i, Tensor gradient) = 0;
    // What the op that made input i wants summed over the gradient of it (its OpCall::gradient_sums), where destination(i) will be the
    // whole of that gradient: no other op and no root adds to it in this walk. Else empty.
    virtual std::any sums_wanted(int i) = 0;
    // Those sums, taken in passing while destination(i) was written.
    virtual void give_sums(int i, Tensor sums) = 0;
    // Those that came with grad(0); undefined where none did.
    virtual const Tensor& sums() const = 0;
    virtual Context context() const = 0;
    // For the two halves of a backward: first(), then what second() returns. Where the inputs `made` by the second half are parameters,
    // whose gradients nobody reads before the walk ends, and launches are recorded, it runs beside the first half and what follows
    // (kernels/runtime/branch.h). So what it returns must own all tensors and blocks that it reads and writes, but for destinations.
    using Launches = std::function<void(const Context&)>;
    virtual void in_halves(const std::function<void()>& first, const std::vector<int>& made, const std::function<Launches()>& second) = 0;
};

// Bytes that an op wants while it runs: a number, or who is asked for it when it is needed. A plan replaces most convolutions without ever
// running them, and what a library answers can take ten milliseconds.
class WorkspaceBytes {
public:
    WorkspaceBytes(size_t bytes = 0) : bytes_(bytes) {}
    explicit WorkspaceBytes(std::function<size_t()> ask) : ask_(std::move(ask)) {}

    size_t operator()() const { return ask_ ? ask_() : bytes_; }

private:
    size_t bytes_ = 0;
    std::function<size_t()> ask_;
};

struct OpCall {
    struct Output {
        Shape shape;
        DType dtype;
        bool differentiable = true;
        std::optional<DType> gradient = {};  // the type of what flows back to it, where that is not dtype

        DType gradient_dtype() const { return gradient.value_or(dtype); }
    };

    std::string_view name;            // a literal
    std::vector<Tensor> inputs = {};  // undefined ones are optional operands left out: null pointers
    std::vector<Output> outputs = {};
    WorkspaceBytes workspace = {};
    // The one output is input 0's memory under the output's shape: nothing is run.
    bool view = false;
    std::function<void(const Arguments&, const Context&)> forward = {};
    std::function<void(Gradients&)> backward = {};  // empty: no derivative
    // The gradient of the one output is that of the one input, unchanged, and backward gives it: what comes back to a parameter's is then
    // written there at once.
    bool passes_gradient = false;
    std::vector<int> saved_inputs = {};
    std::vector<int> saved_outputs = {};
    // For ops whose backward begins with sums over the gradient of output 0, which who makes that gradient may take in passing: the
    // operands of these sums, alive until the backward of this op on the walk's own stream (so not for what in_halves() runs beside it), or
    // nothing where no sums are wanted. Sees inputs, outputs and what is wanted.
    std::function<std::any(Gradients&)> gradient_sums = {};
    // For ops that are a pass over memory: output 0 can be had again, bit for bit, from these inputs (others are null) and the saved
    // outputs (others are null), by `rebuild` or, where that is empty, by `forward`, without workspace and without changing an input. A
    // tape then need not keep it for the ops that saved it.
    std::vector<int> rebuild_inputs = {};
    std::function<void(const Arguments&, const Context&)> rebuild = {};
    std::any problem = {};  // the contract's Problem, for the passes of a plan
};

std::vector<Tensor> apply(OpCall call);
inline Tensor apply_one(OpCall call) { return std::move(apply(std::move(call)).front()); }

// Sees every apply() of this thread while it is set: a plan that traces a network.
class OpObserver {
public:
    virtual ~OpObserver() = default;
    // Returns the outputs; the op is not run.
    virtual std::vector<Tensor> observe(OpCall&& call) = 0;
};
OpObserver* set_op_observer(OpObserver* observer);  // returns the previous one

}  // namespace purnet
