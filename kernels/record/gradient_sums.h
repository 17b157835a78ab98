// The sums of kernels/batch_norm/gradient_sums.h in float64, for records of ops that take them in passing.
#pragma once

#include "kernels/batch_norm/gradient_sums.h"

namespace purnet::record {

// Operands of float64.
void reference_gradient_sums(const batch_norm::NormOperands& norm, int64_t rows, int64_t channels, const double* dy, double* sums);

// The S of their bounds (record.h), from absolute values: of the operands, and in `dy` of its elements, each of which is off by e times its
// own. With A the largest |act'|, H and U the S of h and u, which are off by three and by six roundings of these, the sums are off by
// sums of e A, of (e + 3) A H and of (e + 6) U, and by the rounding of their 64 terms. No u of a record may lie so near a kink that a twin
// sees it on the other side.
void gradient_sums_magnitude(const batch_norm::NormOperands& norm, int64_t rows, int64_t channels, const double* dy, double e,
                             double* sums);

}  // namespace purnet::record
