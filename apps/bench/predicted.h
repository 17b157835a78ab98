// Predictions of records' times on a device that is not at hand: apps/bench/device_model.h.
#pragma once

#include "apps/bench/device_model.h"
#include "apps/bench/report.h"
#include "apps/bench/step_work.h"
#include "kernels/record/record.h"

namespace purnet::bench {

// Bytes of its operands, workspaces left out, or what the record says it moves.
double bytes_of(const record::Direction& direction, DType dtype);

// Each operand once.
Work work_of(const Convolution& convolution, DType dtype);

// batch: of a convolution, but for linear layers; other records stay as they are; 0: the record's.
Work work_of(const std::string& op, const record::Case& c, const record::Direction& direction, DType dtype, int batch = 0);

// Kernels that a call of a record's direction launches (its .cu file).
int launches_of(const std::string& op, const std::string& direction, const std::string& label = {});

// What an H200 is predicted to take, beside a row that was measured on any device, and their ratio. A row is a kernel after the other, each
// with a launch of its own.
void add_prediction(Row& row, const Work& work, DType dtype);
// The same of a convolution's estimate, which need not be the way that the row is of. seconds: that this way took; 0: it was not measured.
void add_prediction_of_way(Row& row, const Work& work, DType dtype, double seconds);
// Beside a recorded step or map, whose launches overlap.
void add_prediction(Row& row, const std::vector<OpWork>& network, DType dtype);

}  // namespace purnet::bench
