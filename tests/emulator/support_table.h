// docs/ops.md: which direction of which op has a twin on which device and for which type, and where it has none, why. Made by the
// emulator's programs, in which CUDA twins are registered with and without a toolkit.
#pragma once

#include <string>
#include <vector>

#include "kernels/record/record.h"

namespace purnet::test {

// Throws Error, which names them all: cells without a twin and without a reason, and reasons for what is there.
std::string support_table(const std::vector<record::OpRecord>& ops = record::all());

}  // namespace purnet::test
