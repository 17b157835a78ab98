// Convolutions packed for inference (kernels/conv2d/packed.h) in float64, for their records: the sum, then what follows it.
#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d.h"

namespace purnet::record {

// y = the forward, or the data gradient, of doubles.
void sum_reference(const conv2d::Problem& problem, conv2d::Pass pass, const void* x, const void* weight, void* y);

// y[i] = epilogue(y[i]), i < count, where channels follow each other `channels` at a time. bias, before and after may be null; `top` stands
// for the epilogue's, since of absolute values a cap must not cut anything.
void finish_reference(const conv2d::Epilogue& epilogue, float top, int64_t channels, int64_t count, const void* bias, const void* before,
                      const void* after, void* y);

}  // namespace purnet::record
