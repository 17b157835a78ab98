// The work of whole networks, kernel by kernel, for predictions of their time on a device that is not at hand.
#pragma once

#include <string>
#include <vector>

#include "apps/bench/device_model.h"
#include "apps/bench/materials.h"

namespace purnet::bench {

struct OpWork {
    std::string name;   // of the op, and ", backward" and the like
    std::string shape;  // of what is computed, to tell kernels of one op apart
    Work work;
};

struct StepForm {
    std::string net;
    int stage = 3;
    int size = 320;
    int batch = 8;
    DType dtype = DType::bf16;  // of activations
};

// Stages that the training of a network has.
std::vector<int> stages_of(Materials& materials, const std::string& net);

// A training step on a device: a step of one picture on the CPU, whose ops, backwards, activations made again and sums of gradients are
// counted as they come, for a batch: what a picture has is that many times as large, parameters are not. Where the device differs from
// the CPU (pictures augmented in the step, statistics in passing, weights rounded to bf16, verdicts and updates of a recorded step), it is
// counted as the device has it.
std::vector<OpWork> training_step_work(Materials& materials, const StepForm& form);

// Level-1 inference: the steps of a plan, batch norms folded, epilogues fused, convolutions merged (core/plan/merge.h), and the picture's
// bytes made activations. The stage is none of its business.
std::vector<OpWork> inference_work(const Materials& materials, const StepForm& form);

// Microseconds, each launch taking `launch`.
double summed(const std::vector<OpWork>& list, const DeviceModel& device, DType dtype, double launch);

}  // namespace purnet::bench
