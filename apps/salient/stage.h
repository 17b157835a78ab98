// One stage of training: the network in its form, the optimiser, the averaged weights, and what one step does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "apps/salient/train_config.h"
#include "core/optim/ema.h"
#include "core/optim/optimiser.h"
#include "data/loader/loader.h"
#include "losses/purificatory.h"
#include "nets/purnet.h"

namespace purnet {

PurNetConfig network_config(const TrainConfig& config, int stage, bool pretrained);

struct StepReport {
    std::vector<std::pair<std::string, double>> losses;  // by part, as the recipe names them
    double total = 0;
    double error_floor = 0;  // the entropy of the error loss's target: that loss cannot fall below it
    double gradient_norm = 0;
    bool finite = true;            // else nothing was updated
    bool ended = false;            // nothing was done: no more batches came
    std::string pictures;          // names, where the step was not finite,
    std::optional<Batch> suspect;  // and the batch whose loss or, where all were finite, whose gradients were not: the last
};

// The next batch; nothing where the step is to end without having been done.
using BatchSource = std::function<std::optional<Batch>()>;

class Stage {
public:
    Stage(const TrainConfig& config, int number, int64_t steps, std::unique_ptr<PurNet> net);

    // Forward, backward and update on the sum of `count` batches (one, or as many as are accumulated), each drawn as its turn comes.
    // `report` asks for the losses' values; without it only the finite check waits for the device. A step that is not finite leaves
    // parameters, optimiser and statistics as they were. OutOfMemory names the largest batch that fits, found by trying.
    StepReport step(const BatchSource& next, int count, int64_t step, bool report);
    StepReport step(const Batch& batch, int64_t step, bool report) {
        return this->step([&] { return batch; }, 1, step, report);
    }

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

    // The first parameter whose operation has a non-finite output on this batch, by running the forward once more; empty: none.
    std::string first_non_finite(const Batch& batch);

private:
    struct Sums {
        std::map<std::string, double> values;
        std::vector<std::string> order;
    };
    StepReport try_step(const BatchSource& next, int count, int64_t step, bool report);
    // Forward and backward of one batch, `share` of the gradients, into `result` and, where `report`, `sums`.
    void add_gradients(const Batch& batch, double share, bool report, StepReport& result, Sums& sums);
    // What to tell the user of a batch that did not fit. Changes gradients and statistics.
    std::string batch_that_fits(const Batch& batch);
    // Running statistics change in the forward, before the step is judged: one after the other, as they were.
    std::vector<Tensor> statistics() const;  // copies
    void set_statistics(const std::vector<Tensor>& values);
    Tensor input_of(const Batch& batch) const;
    Losses losses_of(const Batch& batch, const PurNet::Outputs& outputs, LossInputs& inputs) const;
    PurNet::Run run_form() const;

    const TrainConfig& config_;
    int number_;
    int64_t steps_;
    std::unique_ptr<PurNet> net_;
    Recipe recipe_;
    Parts fixed_;
    std::unique_ptr<Optimiser> optimiser_;
    std::optional<Ema> ema_;
};

}  // namespace purnet
