// Inference plan: a network's forward traced once into a flat list of steps, rewritten by passes (passes.h), its intermediates
// placed in one arena. Running it allocates nothing; on a CUDA device all its launches become one graph (kernels/runtime/launch_graph.h).
#pragma once

#include <string>
#include <vector>

#include "core/plan/graph.h"
#include "core/plan/narrow.h"
#include "core/plan/packed_weights.h"

namespace purnet {

// What a step of a plan does and how long it takes.
struct StepTime {
    std::string name, shapes, detail;  // of Plan::text()
    double multiply_adds = 0;
    double milliseconds = 0;  // the least
};

class Plan {
public:
    // `inputs` give shape, type and device. The network is traced in inference mode; weights are those of this moment.
    // forms: what convolutions may read in 8 bits or in bf16, where they can; a machine that cannot at all throws.
    // traced: called when the network is not needed any more. Weights that it lets go there are given back to the system as soon as
    // they are packed, so that they and their packed forms are never in memory together.
    // kept: packed_weights() of an equal plan, in memory that outlives this one; the network's values are absent. Error: it is another's.
    // OutOfMemory on a device says about how many of the batch, the first axis of the inputs, would fit.
    Plan(const std::vector<Tensor>& inputs, const Network& network, const NarrowForms& forms = {},
         const std::function<void()>& traced = nullptr, const PackedWeights* kept = nullptr);
    ~Plan();
    Plan(Plan&&) noexcept;
    Plan& operator=(Plan&&) noexcept;

    // Raw memory of the traced shapes on the plan's device. One call at a time: the arena is shared.
    void run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs);
    std::vector<Tensor> run(const std::vector<Tensor>& inputs);

    // `runs` runs, each step by the clock; on the host alone. Steps in the order in which they run.
    std::vector<StepTime> profile(const std::vector<Tensor>& inputs, int runs);

    const Shape& output_shape(int i) const;
    size_t arena_bytes() const;
    size_t constant_bytes() const;  // weights, packed or not
    // To be kept, while the plan lives: see packed_weights.h.
    PackedWeights packed_weights() const;
    // One line a step, words separated by tabs: name, layer, shapes and where its output lies, what a pass
    // chose, and behind it, where something is known of that convolution by measuring (kernels/runtime/choices.h), what.
    std::string text() const;
    // "launched as one graph", the same "from the second run on" before that, or "launched kernel by kernel: WHY", of which run() warns
    // once; empty on the host.
    std::string launched() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace purnet
