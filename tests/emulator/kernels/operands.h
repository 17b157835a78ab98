// Walks the operands of the implicit products (kernels/conv2d/conv2d_operands.h) over their whole sums.
#pragma once

#include <string>

#include "kernels/conv2d/conv2d.h"

namespace purnet::test {

// Compares every address with the formulas of conv2d.h, worked out by division, and that chunks lie aligned; "" or the first difference.
// vectors: chunks of four elements (channels of a group are multiples of four), else of one.
std::string compare_operands(const conv2d::Problem& problem, conv2d::Pass pass, bool vectors);

// The same of the products by runs (kernels/conv2d/conv2d_runs.h): forward, weight gradient.
std::string compare_run_operands(const conv2d::Problem& problem, conv2d::Pass pass);

}  // namespace purnet::test
