// One stage of training: the network in its form, the optimiser, the averaged weights, and what one step does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "apps/salient/step_replay.h"
#include "apps/salient/train_config.h"
#include "core/optim/ema.h"
#include "core/optim/optimiser.h"
#include "data/loader/loader.h"
#include "losses/purificatory.h"
#include "nets/purnet.h"

namespace purnet {

PurNetConfig network_config(const TrainConfig& config, int stage, bool pretrained);

// A step that changed nothing, since its loss or its gradient was not finite.
struct NotFinite {
    int64_t step = 0;
    int in_a_row = 1;      // of such steps, this the last
    std::string pictures;  // their names
    // Its batches: the last one's loss was not finite, or some gradient; of a step that was launched as one, the losses of any.
    std::vector<Batch> suspects;

    void name(const Batch& batch);  // adds to `pictures`
};

struct StepReport {
    std::vector<std::pair<std::string, double>> losses;  // by part, as the recipe names them
    double total = 0;
    double error_floor = 0;  // the entropy of the error loss's target: that loss cannot fall below it
    double gradient_norm = 0;
    bool finite = true;                 // as far as is known; else nothing was updated
    bool ended = false;                 // nothing was done: no more batches came
    std::vector<NotFinite> not_finite;  // this step or, where it became known only now, steps before it

    // A batch's losses and error floor, `share` of them.
    void add(const Losses& of_batch, double floor, double share);
};

// The next batch; nothing where the step is to end without having been done.
using BatchSource = std::function<std::optional<Batch>()>;

class Stage {
public:
    Stage(const TrainConfig& config, int number, int64_t steps, std::unique_ptr<PurNet> net);

    // Forward, backward and update on the sum of `count` batches (one, or as many as are accumulated), each drawn as its turn comes.
    // `report` asks for the losses' values. A step that is not finite leaves parameters, optimiser and statistics as they were; all of its
    // batches are drawn, so that step n has the same ones whatever became of those before. OutOfMemory names the largest batch that fits,
    // found by trying. On a CUDA device, of at most most_batches a step and with config.graph, a step is launched as one (step_replay.h):
    // only a report waits for it, and without one it is known two steps later whether it was finite.
    static constexpr int most_batches = 16;
    StepReport step(const BatchSource& next, int count, int64_t step, bool report);
    StepReport step(const Batch& batch, int64_t step, bool report) {
        return this->step([&] { return batch; }, 1, step, report);
    }

    // Waits for the steps so far; those of them that were not finite and not told of before.
    std::vector<NotFinite> settle();
    // How steps are launched, and why not as one: each such sentence once, else empty. Never anything on the host.
    std::string news() { return std::exchange(news_, {}); }

    PurNet& net() { return *net_; }
    int number() const { return number_; }
    int64_t steps() const { return steps_; }
    double rate(int64_t step) const;  // of the fastest group

    // While one of these lives, the network has its averaged weights (itself where there are none).
    class Averaged {
    public:
        explicit Averaged(Stage& stage);
        ~Averaged();
        Averaged(const Averaged&) = delete;
        Averaged& operator=(const Averaged&) = delete;

    private:
        Stage& stage_;
    };

    // Everything a resumed stage needs but its position.
    NamedArrays state(int64_t total_steps) const;
    void load_state(NamedArrays&& arrays);

    // The first parameter whose operation has a non-finite output on one of these batches, by running the forward once more; empty: none.
    std::string first_non_finite(const std::vector<Batch>& batches);

private:
    std::string why_not_as_one(int count) const;
    // The report of the step; none where it must be made kernel by kernel, of the batches that are in `drawn` then.
    std::optional<StepReport> step_as_one(const BatchSource& next, int count, int64_t step, bool report, std::vector<Batch>& drawn);
    StepTensors whole_step(const std::vector<BatchTensors>& batches);
    void take_verdicts();
    void say_once(std::string text);
    StepReport try_step(const BatchSource& next, int count, int64_t step, bool report);
    // Forward and backward of one batch, `share` of the gradients; into `result` the total and, where `report`, the rest.
    void add_gradients(const Batch& batch, double share, bool report, StepReport& result);
    // What to tell the user of a batch that did not fit. Changes gradients and statistics.
    std::string batch_that_fits(const Batch& batch);
    void move_statistics();
    Losses forward(const BatchTensors& batch, const PurNet::Run& run, LossInputs& inputs) const;
    std::vector<Tape::Root> roots_of(const Losses& losses) const;
    PurNet::Run run_form() const;

    const TrainConfig& config_;
    int number_;
    int64_t steps_;
    std::unique_ptr<PurNet> net_;
    Recipe recipe_;
    Parts fixed_;
    std::unique_ptr<Optimiser> optimiser_;
    // Running statistics change in the forward, before the step is judged: all of them in one stretch, and as they were. Undefined in a
    // network without any.
    Tensor statistics_, statistics_before_;
    std::optional<Ema> ema_;
    std::map<size_t, Tensor> shares_;  // the gradient of each root in a step of so many batches that is launched as one
    std::unique_ptr<StepReplay> replay_;
    std::string no_memory_for_graphs_;   // what ran out, and where
    std::vector<NotFinite> not_finite_;  // not told of yet
    int in_a_row_ = 0;
    std::string news_;
    std::set<std::string> said_;
};

}  // namespace purnet
