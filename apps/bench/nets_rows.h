// The rows of `bench nets`, by what they measure.
#pragma once

#include <string>

#include "apps/bench/materials.h"
#include "apps/bench/report.h"

namespace purnet::bench {

struct RowContext {
    Materials& materials;
    std::string name;  // of the row
    double seconds;    // to spend on it, more where few runs take longer
    int size;          // side of the network's input
    int photographs;
    Device device = {};  // of inference and of training steps; the other rows are the CPU's
};

// Level-1 map of prepared input, its end waited for. Operations are those of direct convolution: Winograd may pass the ceiling.
Row time_inference(const RowContext& context, const std::string& net, const std::string& precision, int batch);

// Process start to the first mask on disk: `purnet predict` on one photograph, files in the page cache.
Row time_start(const RowContext& context, const std::string& net);

// `purnet predict` on a folder of photographs, a photograph's share of it, beside the pure inference of as many pictures, which this
// process measures before and after (goal: 1.1 times).
Row time_folder(const RowContext& context, const std::string& net);
// The same on five times as many, beside the peak memory of both.
Row time_folder_memory(const RowContext& context, const std::string& net);

// A picture's share of making batches by one loader thread, while nobody computes: nothing comes from memory.
enum class Regions { none, computed, cached };
Row time_loader(const RowContext& context, Regions regions);

// A training step of stage 3, batch 4, on one batch that stays (operations: three times those of the forward),
Row time_training(const RowContext& context, const std::string& net);
// on a device, which augments its pictures in the step as in `train` and is waited for after ten of them, with the most memory that was in
// use there,
Row time_training_on_device(const RowContext& context, const std::string& net, const std::string& precision, int batch);
// and with the loader at work beside it, superpixels from their cache; both in turns (goal: 1.1 times).
Row time_training_with_loader(const RowContext& context, const std::string& net);

// Whether a signal asked to stop: an Error, so that everything on the way is tidied up.
void stop_if_asked();

}  // namespace purnet::bench
