// Training steps that are recorded once for each shape of their batches and launched again as one (kernels/runtime/launch_graph.h), while
// the host prepares the next ones.
//
// The batches of a step (one, or as many as are accumulated) are sent to where their shapes' launches read them, rates and number of the
// step to the optimiser's memory, and whether a step is made is decided on the device: nobody waits for it. What became of a step is known
// when the second one after it is launched, or when somebody asks.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/salient/batch_tensors.h"
#include "core/optim/optimiser.h"
#include "data/loader/batch.h"
#include "kernels/runtime/host_slot.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/memory_reserve.h"
#include "losses/purificatory.h"

namespace purnet {

// What a step leaves behind, on the device.
struct StepTensors {
    struct OfBatch {
        LossInputs inputs;
        Losses losses;
    };
    std::vector<OfBatch> batches;
    Tensor squared_norm;  // of the gradients
};

class StepReplay {
public:
    // A whole step without a copy between host and device. Launched again it works on the same memory, so what it keeps from call to call
    // must stay where it is.
    using Body = std::function<StepTensors(const std::vector<BatchTensors>&)>;
    StepReplay(const Optimiser& optimiser, Body body);

    // Recordings are kept for so many kinds of steps. Sizes of several batches come in combinations; a step of yet another one is not for
    // run().
    static constexpr size_t most_kinds = 16;
    bool takes(const std::vector<Batch>& batches) const { return shapes_.size() < most_kinds || shapes_.count(kind_of(batches)) > 0; }

    // `hosts`: the batches in the host's memory. They are taken once the step is launched, and kept until the step is judged; an Error
    // leaves them. The result is that of this step, until the next one.
    const StepTensors& run(int64_t step, std::vector<Batch>& batches, const std::vector<BatchTensors>& hosts);

    struct Verdict {
        int64_t step;
        bool made;  // else a loss or a gradient was not finite, and nothing was changed
        std::vector<Batch> batches;
    };
    // Of steps that run() or wait() found done, each once, in their order.
    std::vector<Verdict> verdicts() { return std::exchange(known_, {}); }
    void wait();  // for every step

    // Of the step launched last: whether it was launched as one, and if it cannot be, why not.
    bool as_one() const { return last_ && last_->replay.as_one(); }
    std::string why_not() const { return last_ ? last_->replay.why_not() : std::string(); }
    size_t bytes() const { return reserve_.bytes(); }  // kept for what steps compute

private:
    using Kind = std::vector<std::array<int64_t, 4>>;  // n, h, w of each batch, and the side of what it is made of on the device
    static Kind kind_of(const std::vector<Batch>& batches);
    struct Shape {
        std::vector<BatchTensors> batches;
        Replay replay;
        StepTensors result;
    };
    struct UnderWay {
        explicit UnderWay(Device device) : slot(device) {}
        HostSlot slot;
        std::optional<Verdict> step;  // its `made` is not known yet
        const int32_t* made = nullptr;
    };
    void judge(UnderWay& way);

    const Optimiser& optimiser_;
    Body body_;
    Device device_;
    MemoryReserve reserve_;
    std::map<Kind, Shape> shapes_;
    Shape* last_ = nullptr;
    std::array<UnderWay, 2> ways_;  // in turn; gone first: whatever is above stays until the device is done
    size_t next_ = 0;
    std::vector<Verdict> known_;
};

}  // namespace purnet
